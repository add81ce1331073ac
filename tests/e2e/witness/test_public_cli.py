"""The public CLI, unchanged, against our director: from log-in to delete-deployment. The tests build on each other, in order."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from tests.e2e.loopback.archives import STEMCELL, build_stemcell
from tests.e2e.loopback.shop import build_shop, cloud_config, manifest
from tests.e2e.loopback.world import World
from tests.e2e.witness.public_cli import PublicCli, write_yaml

pytestmark = pytest.mark.xdist_group("public-cli")


def test_log_in(bosh: PublicCli, witness_world: World) -> None:
    assert "Logged in to" in bosh("log-in").text
    (row,) = bosh("env").rows
    assert (row["name"], row["user"]) == ("loopback", "admin")
    stranger = PublicCli(witness_world, bosh._command[0], client="admin", secret="wrong")
    assert "Invalid credentials" in stranger("log-in", expect=1).text
    assert "Not authorized" in stranger("deployments", expect=1).text


def test_upload_stemcell(bosh: PublicCli, witness_world: World) -> None:
    archive = str(build_stemcell(witness_world.directory / "stemcell.tgz"))
    assert "Task 1 done" in bosh("upload-stemcell", archive).text
    (row,) = bosh("stemcells").rows
    assert (row["name"], row["version"]) == (STEMCELL, "1.0")
    assert row["cid"].startswith("stemcell-")
    assert "already exists" in bosh("upload-stemcell", archive).text
    assert witness_world.cloud.counts()["create_stemcell"] == 1


def test_upload_release(bosh: PublicCli, witness_world: World) -> None:
    bosh("upload-release", str(build_shop(witness_world.directory / "shop.tgz")))
    bosh("upload-release", str(build_shop(witness_world.directory / "shop-2.tgz", "1.1")))
    assert sorted(row["version"].rstrip("*") for row in bosh("releases").rows) == ["1.0", "1.1"]
    tables = bosh("inspect-release", "shop/1.1").tables
    assert {row["job"].split("/")[0] for row in tables[0]} == {"web", "smoke"}


def test_update_cloud_config(bosh: PublicCli, witness_world: World) -> None:
    path = write_yaml(witness_world.directory / "cloud.json", cloud_config())
    assert "+ azs:" in bosh("update-cloud-config", path).text
    assert "127.77.0.0/24" in bosh("cloud-config").text
    bosh("update-cloud-config", path)
    assert len(bosh("configs", "--recent=9").rows) == 1, "an equal config was stored again"


def test_deploy(bosh: PublicCli, witness_world: World) -> None:
    path = write_yaml(witness_world.directory / "shop.json", manifest())
    said = bosh("-d", "shop", "deploy", path).text
    for part in (
        "Preparing deployment",
        "Compiling packages",
        "Creating missing vms",
        "Updating instance front",
        "(canary)",
        "done",
    ):
        assert part in said
    (row,) = bosh("deployments").rows
    assert row["name"] == "shop"
    assert "shop/1.1" in row["release_s"]
    assert bosh("-d", "shop", "manifest").text.count("greeting") == 1


def test_vms_and_instances(bosh: PublicCli, witness_world: World) -> None:
    rows = bosh("-d", "shop", "vms").rows
    assert [row["instance"].split("/")[0] for row in rows] == ["front", "front"]
    assert {row["vm_cid"] for row in rows} == {row["cid"] for row in witness_world.cloud.rows("vms")}
    assert {row["ips"].rsplit(".", 1)[0] for row in rows} == {"127.77.0"}
    assert {row["active"] for row in rows} == {"true"}
    assert all(row["vm_created_at"] != "" for row in bosh("-d", "shop", "vms", "--vitals").rows)
    details = bosh("-d", "shop", "instances", "--details").rows
    assert sorted(row["index"] for row in details if row["instance"].startswith("front")) == ["0", "1"]
    bosh("-d", "shop", "instances", "--ps")
    assert len(bosh("vms").rows) == 2


def test_tasks(bosh: PublicCli, witness_world: World) -> None:
    assert bosh("tasks").rows == []
    recent = bosh("tasks", "--recent").rows
    assert {row["state"] for row in recent} == {"done"}
    deploy = next(row for row in recent if row["description"] == "create deployment")
    assert (deploy["user"], deploy["deployment"], deploy["result"]) == ("admin", "shop", "/deployments/shop")
    assert "Updating instance front" in bosh("task", deploy["id"]).text
    assert "create_vm" in bosh("task", deploy["id"], "--debug").text
    assert bosh("locks").rows == []


def test_events(bosh: PublicCli) -> None:
    actions = {(row["action"], row["object_type"]) for row in bosh("-d", "shop", "events").rows}
    assert {("create", "deployment"), ("create", "vm")} <= actions


def test_stages_of_an_upload(bosh: PublicCli, witness_world: World) -> None:
    third = bosh("upload-release", str(build_shop(witness_world.directory / "shop-3.tgz", "0.9")))
    assert "Processing 2 existing packages" in third.text


def test_an_unchanged_deploy(bosh: PublicCli, witness_world: World) -> None:
    before = witness_world.cloud.counts()
    bosh("-d", "shop", "deploy", str(witness_world.directory / "shop.json"))
    assert witness_world.cloud.counts() == before


def test_a_diff_is_shown(bosh: PublicCli, witness_world: World) -> None:
    path = write_yaml(witness_world.directory / "changed.json", manifest(instances=1))
    said = bosh("-d", "shop", "deploy", "--dry-run", path).text
    assert re.search(r"-\s+instances: 2", said)
    assert re.search(r"\+\s+instances: 1", said)
    assert len(bosh("-d", "shop", "vms").rows) == 2


def test_logs(bosh: PublicCli, witness_world: World, tmp_path: Path) -> None:
    bosh("-d", "shop", "logs", "front/0", "--dir", str(tmp_path))
    (one,) = tmp_path.glob("*.tgz")
    with tarfile.open(one) as archive:
        assert any(name.endswith("web/pre-start.stdout.log") for name in archive.getnames())
    one.unlink()
    bosh("-d", "shop", "logs", "--dir", str(tmp_path))
    (every,) = tmp_path.glob("*.tgz")
    with tarfile.open(every) as archive:
        inner = [name for name in archive.getnames() if name.endswith(".tgz")]
    assert sorted(Path(name).name.split(".")[0] for name in inner) == ["front", "front"]


def test_run_errand(bosh: PublicCli, witness_world: World) -> None:
    assert [row["name"] for row in bosh("-d", "shop", "errands").rows] == ["checks", "smoke"]
    (row,) = bosh("-d", "shop", "run-errand", "smoke").rows
    assert (row["exit_code"], row["stdout"]) == ("0", "smoke says fine\n")


def test_export_release(bosh: PublicCli, witness_world: World, tmp_path: Path) -> None:
    bosh("-d", "shop", "export-release", "shop/1.1", "loopback/1.0", "--dir", str(tmp_path))
    (archive,) = tmp_path.glob("shop-1.1-loopback-1.0-*.tgz")
    with tarfile.open(archive) as exported:
        assert exported.getnames()[0].removeprefix("./") == "release.MF"
    said = bosh("upload-release", str(archive), "--fix").text
    assert "Compiled Release has been created" in said
    assert "Creating new compiled packages" in said


def test_looking_around(bosh: PublicCli, witness_world: World) -> None:
    assert bosh("-d", "shop", "variables").rows == []
    assert bosh("disks", "--orphaned").rows == []
    assert bosh("orphaned-vms").rows == []
    assert bosh("env", "--details").rows[0]["name"] == "loopback"
    bosh("update-resurrection", "off")
    bosh("update-resurrection", "on")
    event = bosh("-d", "shop", "events", "--action", "create", "--object-type", "vm").rows[0]
    assert event["object_name"].startswith("vm-")
    assert bosh("event", event["id"].split(" ")[0]).rows[0]["object_name"] == event["object_name"]
    listed = bosh("clean-up", "--all", "--dry-run")
    assert any(row.get("version", "").startswith(("1.0", "0.9")) for table in listed.tables for row in table)


def test_delete_vm_and_cloud_check(bosh: PublicCli, witness_world: World) -> None:
    cids = {row["vm_cid"] for row in bosh("-d", "shop", "vms").rows}
    gone = min(cids)
    bosh("-d", "shop", "delete-vm", gone)
    assert {row["vm_cid"] for row in bosh("-d", "shop", "vms").rows} == cids - {gone}
    (problem,) = bosh("-d", "shop", "cloud-check", "--report", expect=1).rows
    assert problem["type"] == "missing_vm"
    bosh("-d", "shop", "cloud-check", "--resolution", "recreate_vm")
    assert len(bosh("-d", "shop", "vms").rows) == 2


def test_an_agent_that_died(bosh: PublicCli, witness_world: World) -> None:
    cid = bosh("-d", "shop", "vms").rows[0]["vm_cid"]
    witness_world.cloud.kill_agent(cid)
    (problem,) = bosh("-d", "shop", "cloud-check", "--report", expect=1).rows
    assert problem["type"] == "unresponsive_agent"
    bosh("-d", "shop", "cloud-check", "--resolution", "reboot_vm")
    assert bosh("-d", "shop", "cloud-check", "--report").rows == []


def test_stop_and_start(bosh: PublicCli, witness_world: World) -> None:
    bosh("-d", "shop", "stop", "front/0")
    states = {
        row["index"]: row["state"]
        for row in bosh("-d", "shop", "instances", "--details").rows
        if row["instance"].startswith("front")
    }
    assert states == {"0": "stopped", "1": "started"}
    bosh("-d", "shop", "start", "front/0")
    before = {row["cid"] for row in witness_world.cloud.rows("vms")}
    bosh("-d", "shop", "recreate", "front/1")
    assert len(before & {row["cid"] for row in witness_world.cloud.rows("vms")}) == 1


def test_delete_deployment(bosh: PublicCli, witness_world: World) -> None:
    bosh("-d", "shop", "delete-deployment")
    assert bosh("deployments").rows == []
    assert witness_world.cloud.rows("vms") == []
    bosh("-d", "shop", "delete-deployment")
    bosh("delete-release", "shop/1.0")
    bosh("delete-stemcell", f"{STEMCELL}/1.0")
    assert witness_world.cloud.rows("stemcells") == []


def test_cloud_check_finds_a_lost_vm(bosh: PublicCli, witness_world: World) -> None:
    path = write_yaml(witness_world.directory / "lost.json", manifest("lost", instances=1))
    bosh("upload-stemcell", str(witness_world.directory / "stemcell.tgz"))
    bosh("-d", "lost", "deploy", path)
    try:
        witness_world.cloud.lose_vm(witness_world.cloud.rows("vms")[0]["cid"])
        (problem,) = bosh("-d", "lost", "cloud-check", "--report", expect=1).rows
        assert problem["type"] == "missing_vm"
        bosh("-d", "lost", "cloud-check", "--auto")
        assert bosh("-d", "lost", "cloud-check", "--report").rows == []
        assert len(witness_world.cloud.rows("vms")) == 1
    finally:
        bosh("-d", "lost", "delete-deployment", "--force")
