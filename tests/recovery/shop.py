"""What deployments of the random worlds are made of: two versions of a release and of a stemcell, a cloud config, and manifests."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import cache
from typing import Any

import yaml
from msgspec import Struct

from director.adapters.memory.inventory import Inventory, Stemcell
from director.model.rows import ConfigRow, JobRow, PackageRow, ReleaseRow, Row, StemcellRow
from director.ports.blobs import Blobs

NAME = "d"
OS = "memory-12"
VERSIONS = ("1", "2")
TEXTS = {
    "web": "greeting <%= p('greeting') %>\n<%= spec.name %>/<%= spec.index %> at <%= spec.address %>\n",
    "db": "port <%= p('port') %>\n",
}
PROPERTIES = {"web": {"greeting": {"default": "hello"}}, "db": {"port": {"default": 5432}}}


class Shape(Struct, frozen=True):
    """An instance group. ``disk`` in MiB, 0 for none; ``text`` goes into a property of its job; ``azs`` counts from z1."""

    name: str
    instances: int = 1
    azs: int = 1
    job: str = "web"
    disk: int = 0
    vm_type: str = "small"
    text: int = 0
    canaries: int | str = 1
    max_in_flight: int | str = 1
    serial: bool = True
    state: str = "started"
    swap: bool = False  # create-swap-delete

    @property
    def width(self) -> int:
        """How many of its instances may be in change at once."""
        if isinstance(self.max_in_flight, int):
            return max(1, self.max_in_flight)
        return max(1, self.instances * int(self.max_in_flight.rstrip("%")) // 100)

    def document(self) -> dict[str, Any]:
        """As a manifest has it."""
        value = {"web": {"greeting": f"hello {self.text}"}, "db": {"port": 5000 + self.text}}[self.job]
        more = {"persistent_disk": self.disk} if self.disk else {}
        return {
            "name": self.name,
            "instances": self.instances,
            "azs": [f"z{number + 1}" for number in range(self.azs)],
            "vm_type": self.vm_type,
            "stemcell": "default",
            "networks": [{"name": "default"}],
            "jobs": [{"name": self.job, "release": "shop", "properties": value}],
            "update": {
                "canaries": self.canaries,
                "max_in_flight": self.max_in_flight,
                "serial": self.serial,
                **({"vm_strategy": "create-swap-delete"} if self.swap else {}),
            },
            **({"state": self.state} if self.state != "started" else {}),
            **more,
        }


class Manifest(Struct, frozen=True):
    """A deployment: its groups and which versions it takes."""

    groups: tuple[Shape, ...]
    stemcell: str = "1"
    release: str = "1"
    tags: int = 0

    @property
    def text(self) -> str:
        return _text(self)


@cache
def _text(one: Manifest) -> str:
    document = {
        "name": NAME,
        "releases": [{"name": "shop", "version": one.release}],
        "stemcells": [{"alias": "default", "os": OS, "version": one.stemcell}],
        "update": {
            "canaries": 1,
            "max_in_flight": 1,
            "canary_watch_time": "1000-9000",
            "update_watch_time": "1000-9000",
        },
        "instance_groups": [group.document() for group in one.groups],
        **({"tags": {"turn": str(one.tags)}} if one.tags else {}),
    }
    return yaml.safe_dump(document, sort_keys=False)


CLOUD = yaml.safe_dump(
    {
        "azs": [{"name": f"z{number}", "cloud_properties": {"zone": number}} for number in (1, 2)],
        "vm_types": [{"name": name, "cloud_properties": {"cpu": cpu}} for name, cpu in (("small", 1), ("large", 4))],
        "networks": [
            {
                "name": "default",
                "subnets": [
                    # small, so that addresses that are not freed are missed soon
                    {"range": f"10.0.{number}.0/27", "gateway": f"10.0.{number}.1", "azs": [f"z{number}"]}
                    for number in (1, 2)
                ],
            }
        ],
        "compilation": {"workers": 2, "az": "z1", "vm_type": "small", "network": "default"},
    }
)


def _hash(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode()).hexdigest()  # a name, no protection


@cache
def _archive(job: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, text in (("monit", f"check process {job}"), (f"templates/{job}.erb", TEXTS[job])):
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


async def furnish(blobs: Blobs, inventory: Inventory) -> list[Row]:
    """Blobs and images as if uploaded; the rows are for the caller to commit."""
    rows: list[Row] = [ConfigRow(id=1, type="cloud", name="default", content=CLOUD, created_at=1)]
    for number, version in enumerate(VERSIONS, 1):
        cid = f"stemcell-of-{version}"
        inventory.stemcells[cid] = Stemcell(cid, cid)
        rows.append(
            StemcellRow(
                id=number,
                name="memory",
                version=version,
                operating_system=OS,
                cid=cid,
                api_version=3,
                formats=("memory",),
            )
        )
        rows.append(await _release(blobs, version))
    return rows


async def _release(blobs: Blobs, version: str) -> ReleaseRow:
    """In the second version the web's package is newer, and nothing else."""
    packages: list[PackageRow] = []
    for name, needs in (("base", ()), ("web", ("base",)), ("db", ())):
        print_ = _hash(name, version if name == "web" else "1")
        blob, digest = await blobs.put_bytes(print_.encode(), blob_id=f"source-{print_}")
        packages.append(PackageRow(name, print_, print_, digest, blob, needs))
    jobs: list[JobRow] = []
    for name in TEXTS:
        blob, digest = await blobs.put_bytes(_archive(name), blob_id=f"job-{name}")
        files = {f"{name}.erb": f"config/{name}"}
        spec = {"name": name, "templates": files, "properties": PROPERTIES[name]}
        jobs.append(JobRow(name, _hash("job", name), _hash("job", name), digest, blob, spec, (name,)))
    return ReleaseRow(name="shop", version=version, jobs=tuple(jobs), packages=tuple(packages))
