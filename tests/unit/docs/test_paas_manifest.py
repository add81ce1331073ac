"""The manifest of the PaaS, with each combination of its ops files and each cloud's sizes: read, placed and rendered as the director does it."""

from __future__ import annotations

import itertools
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from director.adapters.templates import ErbTemplates
from director.manifest.cloud_config import load_cloud_config
from director.manifest.links import resolve_links
from director.manifest.load import load_deployment
from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, JobWanted
from director.model.rows import JobRow, ReleaseRow, StemcellRow
from director.plan.ids import Ids
from director.plan.place import place
from director.ports.templates import RenderRequest
from director.service.planning import linked_instances
from director.service.wanted import Bound, instance_specs
from meristem.formats import job_spec, ops_files
from meristem.formats.interpolate import Sources, interpolate
from meristem.formats.yaml_marks import load

TREE = Path(__file__).resolve().parents[3]
JOBS = TREE / "releases/paas/jobs"
MANIFESTS = TREE / "manifests/paas"
LATER = "nats-addresses.yml"
"""Means nothing but after three-nats.yml."""
OPS = sorted(path.name for path in (MANIFESTS / "ops").glob("*.yml") if path.name != LATER)
CHOICES = [list(some) for count in range(len(OPS) + 1) for some in itertools.combinations(OPS, count)]
VALUES: dict[str, Any] = {
    "control_ip": "10.77.0.10",
    "system_domain": "sys.example.com",
    "apps_domain": "apps.example.com",
}
GROUPS = {"control", "dea", "smoke_tests", "acceptance_tests"}


class Made:
    """Values of variables, without the work of making keys."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}

    def get(self, name: str) -> Any:
        return None

    def names(self) -> Iterable[str]:
        return ()

    def generate(self, name: str, kind: str, options: dict[str, Any]) -> Any:
        self.kinds[name] = kind
        if kind == "certificate":
            return {"ca": f"CA of {name}", "certificate": f"CERTIFICATE {name}", "private_key": f"KEY {name}"}
        return {"private_key": f"KEY {name}", "public_key": name} if kind == "rsa" else f"secret-of-{name}-long-enough"


def rows() -> dict[str, JobRow]:
    """Each job of the release, without packages, which have tests of their own."""
    found: dict[str, JobRow] = {}
    for path in sorted(JOBS.glob("*/spec")):
        name = path.parent.name
        found[name] = JobRow(name, f"f-{name}", "1", "d", f"b-{name}", job_spec.parse(path.read_text(), name, name).raw)
    return found


ROWS = rows()


def cloud(kind: str = "local", ops: Iterable[str] = (), values: dict[str, Any] | None = None) -> CloudConfig:
    folder = TREE / "manifests" / kind
    operations = [one for name in ops for one in ops_files.read((folder / "ops" / name).read_text(), name)]
    text = (folder / "cloud-config.yml").read_text()
    document = interpolate(load(text, kind), Sources(values=values or {}), operations, expect_found=True)
    return load_cloud_config([("cloud config", yaml.safe_dump(document))])


def deployment(ops: list[str], offered: CloudConfig, **values: Any) -> Deployment:
    """The manifest as the director reads it; every placeholder has a value, every variable is used."""
    operations = [one for name in ops for one in ops_files.read((MANIFESTS / "ops" / name).read_text(), name)]
    text = (MANIFESTS / "small.yml").read_text()
    made = Made()
    document = interpolate(
        load(text, "small.yml"), Sources(values={**VALUES, **values}, store=made), operations, expect_found=True, expect_used=True
    )  # fmt: skip
    whole = text + "".join((MANIFESTS / "ops" / name).read_text() for name in ops)
    unused = [name for name in made.kinds if f"(({name}))" not in whole and f"(({name}." not in whole]
    assert [name for name in unused if f"ca: {name}\n" not in whole] == []
    return load_deployment(yaml.safe_dump(document), offered)


def unknown(wanted: JobWanted) -> list[str]:
    """Properties that the manifest gives and no spec knows, dotted."""
    declared = set(ROWS[wanted.name].spec.get("properties") or {})

    def below(value: Any, name: str) -> list[str]:
        if name in declared:
            return []
        if isinstance(value, dict) and (not name or any(one.startswith(f"{name}.") for one in declared)):
            return [one for key, each in value.items() for one in below(each, f"{name}.{key}".lstrip("."))]
        return [name]

    return below(wanted.properties or {}, "")


def bound(wanted: Deployment, offered: CloudConfig) -> tuple[Bound, Any]:
    placement = place(wanted, offered, [], [], Ids("test"))
    jobs = {("paas", name): row for name, row in ROWS.items()}
    linked = resolve_links(wanted, jobs, linked_instances(wanted, placement))
    assert linked.warnings == ()
    release = ReleaseRow(name="paas", version="1", jobs=tuple(ROWS.values()))
    stemcell = StemcellRow(id=1, name="debian-12", version="1", operating_system="debian-12")
    return Bound(wanted, offered, {"paas": release}, {"default": [stemcell]}, linked.bound, {}, {}), placement


@pytest.mark.parametrize("ops", CHOICES, ids=lambda ops: "+".join(one.removesuffix(".yml") for one in ops) or "plain")
def test_properties_are_known_and_links_are_satisfied(ops: list[str]) -> None:
    offered = cloud()
    wanted = deployment(ops, offered)
    assert {group.name for group in wanted.instance_groups} >= GROUPS
    for group in wanted.instance_groups:
        for job in group.jobs:
            assert job.name in ROWS, job.name
            assert unknown(job) == [], f"{group.name}: {job.name}"
    bound(wanted, offered)  # raises, with each link that finds no provider
    assert sum(group.instances for group in wanted.instance_groups if group.name == "dea") == 1 + (
        "two-deas.yml" in ops
    )


@pytest.mark.parametrize(
    ("kind", "values", "subnet"),
    [
        (
            "openstack",
            {
                "openstack_zone": "nova", "openstack_flavor": "m1.small", "openstack_large_flavor": "m1.large",
                "openstack_control_flavor": "m1.medium", "openstack_dea_flavor": "m1.large", "openstack_network_id": "n-1",
            },
            "10.80.0",
        ),
        ("vsphere", {"vcenter_network": "platform"}, "10.81.0"),
    ],
)  # fmt: skip
def test_it_fits_each_cloud(kind: str, values: dict[str, Any], subnet: str) -> None:
    offered = cloud(kind, ["paas.yml"], values)
    addresses = [f"{subnet}.{last}" for last in (11, 12, 13)]
    wanted = deployment([*OPS, LATER], offered, control_ip=f"{subnet}.10", nats_ips=addresses)
    _, placement = bound(wanted, offered)
    assert [one.networks["default"]["ip"] for one in placement.of("nats")] == addresses
    assert [one.networks["default"]["ip"] for one in placement.of("control")] == [f"{subnet}.10"]


@pytest.mark.parametrize("ops", [[], OPS], ids=["plain", "all"])
@pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed")
async def test_all_templates_are_rendered(ops: list[str], tmp_path: Path) -> None:
    offered = cloud()
    held, placement = bound(deployment(ops, offered), offered)
    requests: list[RenderRequest] = []
    for spec, jobs in instance_specs(held, placement):
        for job in jobs:
            archive = tmp_path / f"{job.row.name}.tgz"
            if not archive.exists():
                with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
                    for name in ("monit", "templates"):
                        tar.add(JOBS / job.row.name / name, arcname=f"./{name}")
            requests.append(
                RenderRequest(f"{spec.group}/0", spec.group, job.row.name, archive, job.row.spec, job.context)
            )
    renderer = ErbTemplates(seconds=60)
    try:
        answers = await renderer.render(requests)
    finally:
        await renderer.close()
    assert [error for answer in answers for error in answer.errors] == []
    for request, answer in zip(requests, answers, strict=True):
        assert set((request.spec.get("templates") or {}).values()) <= set(answer.files), request.job
        for name, content in answer.files.items():
            if name.endswith(".json"):
                msgspec.json.decode(content)


def test_a_property_that_no_spec_knows_is_seen() -> None:
    assert unknown(JobWanted("nats", "paas", {"prot": 1, "tls": {"ca": "x", "cart": "y"}})) == ["prot", "tls.cart"]
