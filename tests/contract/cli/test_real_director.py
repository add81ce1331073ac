"""The command line against the real director, agent and a dummy cloud on loopback."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.cloud import own_agent
from tests.e2e.loopback.shop import build_shop, cloud_config, manifest
from tests.e2e.loopback.world import PASSWORD, USER, World, build_world
from tests.programs import need


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    need("nats-server", "ruby")
    built = build_world(tmp_path_factory.mktemp("lab"), own_agent())
    try:
        yield built
    finally:
        built.stop()


@pytest.fixture
def at_lab(lab: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Callable[..., Any]) -> Callable[..., Any]:
    for name, value in {
        "BOSH_ENVIRONMENT": lab.url,
        "BOSH_CA_CERT": str(lab.ca),
        "BOSH_CLIENT": USER,
        "BOSH_CLIENT_SECRET": PASSWORD,
        "MERISTEM_CONFIG": str(tmp_path / "config"),
        "BOSH_NON_INTERACTIVE": "true",
        "BOSH_DEPLOYMENT": "shop",
    }.items():
        monkeypatch.setenv(name, value)
    return run


def write(path: Path, document: Any) -> str:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(path)


def everything(lab: World) -> tuple[str, list[tuple[str, bytes]]]:
    """The whole database as SQL, and every blob."""
    with sqlite3.connect(lab.directory / "director.db") as connection:
        text = "\n".join(connection.iterdump())
    blobs = lab.directory / "blobs"
    return text, sorted((str(path), path.read_bytes()) for path in blobs.rglob("*") if path.is_file())


def test_a_deployment_from_upload_to_deletion(lab: World, at_lab: Callable[..., Any], tmp_path: Path) -> None:
    def ok(*words: str) -> Any:
        ran = at_lab(*words)
        assert ran.code == 0, (words, ran.out, ran.err)
        return ran

    def rows(*words: str) -> list[dict[str, str]]:
        return ok(*words, "--json").json["Tables"][0]["Rows"]

    stemcell = str(build_stemcell(tmp_path / "stemcell.tgz"))
    release = str(build_shop(tmp_path / "shop.tgz"))
    assert rows("env")[0]["user"] == USER
    assert "Task" in ok("upload-stemcell", stemcell).out
    assert "already exists" in ok("upload-stemcell", stemcell, "--tty").out
    ok("upload-release", release)
    assert "Creating new" not in ok("upload-release", release).out
    assert "already exists" in ok("upload-release", release, "--name", "shop", "--version", "1.0", "--tty").out
    config = write(tmp_path / "cloud.yml", cloud_config())
    ok("update-cloud-config", config)
    assert yaml.safe_load(ok("cloud-config").out) == cloud_config()

    first = ok("deploy", write(tmp_path / "m1.yml", manifest("shop")), "--tty", "--no-color").out
    assert "2 to create, 0 to update, 0 to recreate, 0 to delete" in first
    assert "Updating instance front: front/" in first
    assert first.endswith("done\n\nSucceeded\n")
    before = rows("instances")
    assert [row["process_state"] for row in before if row["instance"].startswith("front/")] == ["running"] * 2

    again = ok("deploy", str(tmp_path / "m1.yml"), "--tty", "--no-color").out
    assert "No changes in the manifest." in again
    assert "Updating instance front" not in again

    ops = write(
        tmp_path / "ops.yml",
        [
            {"type": "replace", "path": "/instance_groups/name=front/instances", "value": "((n))"},
            {
                "type": "replace",
                "path": "/instance_groups/name=front/jobs/name=web/properties/greeting",
                "value": "hush",
            },
        ],
    )
    grown = ok("deploy", str(tmp_path / "m1.yml"), "-o", ops, "-v", "n=3", "--tty", "--no-color").out
    assert "+   instances: 3" in grown
    assert "1 to create, 2 to update, 0 to recreate, 0 to delete" in grown
    assert "hush" not in grown, "a property's value was shown"
    after = [row for row in rows("instances", "--details") if row["instance"].startswith("front/")]
    assert {row["instance"] for row in before if "front" in row["instance"]} < {row["instance"] for row in after}
    assert sorted(row["index"] for row in after) == ["0", "1", "2"]

    settled = everything(lab)
    changed = [str(tmp_path / "m1.yml"), "-o", ops, "-v", "n=2", "--fix"]
    assert "nothing was changed" in ok("deploy", *changed, "--dry-run", "--tty").out
    ok("deploy", *changed, "--plan-only", "--plan-file", str(tmp_path / "plan.json"))
    assert everything(lab) == settled, "planning left a trace"
    applied = ok("apply", str(tmp_path / "plan.json"), "--tty", "--no-color").out
    assert "1 to delete" in applied
    assert "Expected duration: " in applied
    number = applied.split("\nTask ")[1].split()[0]
    told = ok("task", number, "--report", "--tty", "--no-color").out
    assert f"Task {number} done: " in told
    assert "units on the critical path" in told
    assert len([row for row in rows("instances") if row["instance"].startswith("front/")]) == 2
    stale = at_lab("apply", str(tmp_path / "plan.json"))
    assert stale.code == 1
    assert "what it was made from has moved" in stale.err
    ok("deploy", str(tmp_path / "m1.yml"), "-o", ops, "-v", "n=3")

    ok("stop", "front/0")
    states = {row["index"]: row["process_state"] for row in rows("instances", "-i") if "front" in row["instance"]}
    assert states == {"0": "stopped", "1": "running", "2": "running"}
    ok("start", "front/0")
    old = {row["index"]: row["vm_cid"] for row in rows("instances", "-i") if "front" in row["instance"]}
    ok("recreate", "front/1")
    new = {row["index"]: row["vm_cid"] for row in rows("instances", "-i") if "front" in row["instance"]}
    assert (new["0"], new["2"]) == (old["0"], old["2"])
    assert new["1"] != old["1"]

    assert yaml.safe_load(ok("manifest").out)["name"] == "shop"
    assert rows("tasks", "--recent=1")[0]["state"] == "done"
    bad = at_lab("start", "front/77")
    assert bad.code == 1
    assert "70001" in bad.err
    ok("delete-deployment")
    assert rows("deployments") == []
    ok("delete-release", "shop/1.0")
    ok("delete-stemcell", "meristem-dummy-loopback/1.0")
    assert rows("stemcells") == []


def test_a_release_directory_goes_up_and_its_packages_are_not_sent_twice(
    lab: World, at_lab: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "demo"
    original = Path(__file__).parents[3] / "releases" / "demo"
    shutil.copytree(original, source, ignore=shutil.ignore_patterns("dev_releases", ".dev_builds", "__pycache__"))
    first = at_lab("upload-release", "--dir", str(source))
    assert first.code == 0, first.err
    assert "Creating new packages: greeter/" in first.out
    (source / "jobs/web/templates/drain.erb").write_text("#!/bin/bash\necho 0\n")
    second = at_lab("upload-release", "--dir", str(source))
    assert second.code == 0, second.err
    assert "Creating new packages" not in second.out
    listed = at_lab("releases", "--json").json["Tables"][0]["Rows"]
    assert [row["version"] for row in listed if row["name"] == "demo"] == ["0+dev.2", "0+dev.1"]
    jobs = at_lab("inspect-release", "demo/0+dev.2", "--json").json["Tables"][0]["Rows"]
    assert {row["job"].split("/")[0]: row["links_consumed"] for row in jobs} == {
        "smoke": "web: web",
        "store": "",
        "web": "store: store",
    }
    tarball = tmp_path / "x.tgz"
    assert at_lab("create-release", "--dir", str(source), "--force", "--tarball", str(tarball)).code == 0
    with tarfile.open(tarball) as archive:
        assert archive.getnames()[0] == "release.MF"


def test_the_local_demo_renders(
    lab: World, at_lab: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's manifests, links and templates go through the director up to where VMs would be touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = Path(__file__).parents[3]
    source = tmp_path / "demo"
    shutil.copytree(
        top / "releases/demo", source, ignore=shutil.ignore_patterns("dev_releases", ".dev_builds", "__pycache__")
    )
    local = top / "manifests/local"
    ops = write(tmp_path / "os.yml", [{"type": "replace", "path": "/stemcells/0/os", "value": "loopback"}])
    for words in (
        ("upload-stemcell", str(build_stemcell(tmp_path / "stemcell.tgz"))),
        ("upload-release", "--dir", str(source), "--version", "5"),
        ("update-cloud-config", str(local / "cloud-config.yml")),
    ):
        ran = at_lab(*words)
        assert ran.code == 0, (words, ran.err, ran.out)
    plain = at_lab("-d", "demo", "deploy", str(local / "demo.yml"), "-o", ops, "--dry-run", "--tty", "--no-color")
    assert plain.code == 0, plain.err + plain.out
    assert "2 to create" in plain.out
    flags: list[str] = []
    for name in ("scale-web", "greeting", "larger-disk", "smoke-errand"):
        flags += ["-o", str(local / "ops" / f"{name}.yml")]
    full = at_lab(
        "-d", "demo", "deploy", str(local / "demo.yml"), "-o", ops, *flags, "-v", "web_instances=3",
        "-v", "greeting=Good day", "--dry-run", "--tty", "--no-color",
    )  # fmt: skip
    assert full.code == 0, full.err + full.out
    assert "4 to create" in full.out
    (source / "jobs/web/templates/web.json.erb").write_text("<%= p('nope') %>\n")
    refused = at_lab("upload-release", "--dir", str(source), "--version", "5")
    assert refused.code == 1
    assert "30013" in refused.err or "fingerprint" in refused.out + refused.err
    assert at_lab("upload-release", "--dir", str(source), "--version", "6").code == 0
    broken = at_lab("-d", "demo", "deploy", str(local / "demo.yml"), "-o", ops, "--dry-run")
    assert broken.code == 1
    assert "nope" in broken.out + broken.err
