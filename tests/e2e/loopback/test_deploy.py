"""Deployments through the whole director with our agent: what is on the VMs, and which calls a change costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.e2e.loopback.api import Api, running
from tests.e2e.loopback.shop import manifest
from tests.e2e.loopback.world import World


def base_of(world: World, row: dict[str, Any]) -> Path:
    """The directory of the VM behind an instance's row."""
    return Path(world.cloud.vm_of(row["agent_id"])["base"])


def web_yml(world: World, row: dict[str, Any]) -> dict[str, Any]:
    return yaml.safe_load((base_of(world, row) / "jobs/web/config/web.yml").read_text())


def test_from_nothing_to_running(stocked: World, api: Api) -> None:
    finished = api.deploy(manifest("first"))
    assert {"base", "greet"} == {task.split("/")[0] for task in finished.tasks_of("Compiling packages")}
    rows = [row for row in api.instances("first") if row["job_name"] == "front"]
    assert running(rows) == {"front/0", "front/1"}
    addresses = sorted(row["ips"][0] for row in rows)
    for row in rows:
        written = web_yml(stocked, row)
        assert written["address"] == row["ips"][0]
        assert written["deployment"] == "first"
        assert written["backends"] == ",".join(addresses)
        base = base_of(stocked, row)
        assert (base / "packages/greet/bin/greet").exists()
        assert not (base / "packages/base").exists(), "a package needed only for compilation was installed"
        assert "pre-start front/" in (base / "sys/log/web/pre-start.stdout.log").read_text()
        assert row["stemcell"]["version"] == "1.0"
        assert isinstance(row["vitals"]["mem"]["kb"], str)
    assert len(stocked.cloud.rows("vms")) == 2, "the compilation VM is still there"
    api.delete_deployment("first")


def test_an_unchanged_deploy_calls_nobody(stocked: World, api: Api) -> None:
    api.deploy(manifest("same"))
    before = stocked.cloud.counts()
    finished = api.deploy(manifest("same"))
    assert stocked.cloud.counts() == before
    assert "SENT: agent." not in api.log(finished.task["id"])
    assert "Updating instance" not in finished.stages()
    api.delete_deployment("same")


def test_a_property_changes_in_place(stocked: World, api: Api) -> None:
    api.deploy(manifest("prop"))
    cids = {row["vm_cid"] for row in api.instances("prop") if row["vm_cid"]}
    before = stocked.cloud.counts()
    finished = api.deploy(manifest("prop", greeting="good day"))
    rows = [row for row in api.instances("prop") if row["job_name"] == "front"]
    assert {row["vm_cid"] for row in rows} == cids
    assert stocked.cloud.counts() == before, "a changed property needs no call of the cloud"
    assert {web_yml(stocked, row)["greeting"] for row in rows} == {"good day"}
    updated = finished.tasks_of("Updating instance")
    assert len(updated) == 2
    assert updated[0].endswith("(canary)")
    api.delete_deployment("prop")


def test_scale_up_then_down(stocked: World, api: Api) -> None:
    api.deploy(manifest("scale", instances=1))
    api.deploy(manifest("scale", instances=3))
    rows = [row for row in api.instances("scale") if row["job_name"] == "front"]
    assert running(rows) == {"front/0", "front/1", "front/2"}
    assert {web_yml(stocked, row)["backends"].count(",") for row in rows} == {2}, (
        "the first instance did not learn of the others"
    )
    api.deploy(manifest("scale", instances=1))
    assert [row["index"] for row in api.instances("scale") if row["job_name"] == "front"] == [0]
    assert len(stocked.cloud.rows("vms")) == 1
    api.delete_deployment("scale")


def test_a_persistent_disk_outlives_its_vm(stocked: World, api: Api) -> None:
    api.deploy(manifest("disk", instances=1, persistent_disk_type="small"))
    (row,) = [row for row in api.instances("disk") if row["job_name"] == "front"]
    (disk,) = row["disk_cids"]
    assert stocked.cloud.call("get_disks", row["vm_cid"]) == [disk]
    api.deploy(manifest("disk", instances=1, persistent_disk_type="small"), recreate="true")
    (again,) = [row for row in api.instances("disk") if row["job_name"] == "front"]
    assert again["vm_cid"] != row["vm_cid"]
    assert again["disk_cids"] == [disk]
    assert stocked.cloud.call("get_disks", again["vm_cid"]) == [disk]
    api.delete_deployment("disk")
    assert [orphan["disk_cid"] for orphan in api.get("/disks")] == [disk]
    assert stocked.cloud.call("has_disk", disk) is True


def test_an_errand_reports_what_it_said(stocked: World, api: Api) -> None:
    changed = manifest("errand", instances=1)
    changed["instance_groups"][1]["jobs"][0]["properties"] = {"word": "all is well", "exit_code": 3}
    api.deploy(changed)
    body = b'{"keep-alive":false,"when-changed":false,"instances":[]}'
    finished = api.run("POST", "/deployments/errand/errands/smoke/runs", body=body, kind="application/json")
    (row,) = finished.rows()
    assert (row["exit_code"], row["stdout"]) == (3, "smoke says all is well\n")
    assert finished.task["result"] == "0 succeeded, 1 errored, 0 canceled"
    assert len(stocked.cloud.rows("vms")) == 1, "the errand's VM is still there"
    api.delete_deployment("errand")


def test_a_failed_creation_names_the_cloud_error(stocked: World, api: Api) -> None:
    stocked.cloud.plant_fault(
        "create_vm", error={"type": "Bosh::Clouds::CpiError", "message": "no such flavor", "ok_to_retry": False}
    )
    failed = api.deploy(manifest("broken", instances=1), expect="error")
    assert "no such flavor" in failed.events[-1]["error"]["message"]
    api.deploy(manifest("broken", instances=1))
    assert len(stocked.cloud.rows("vms")) == 1
    api.delete_deployment("broken")
    assert stocked.cloud.rows("vms") == []
