"""Cloud check: scans, problems, resolutions; scan and fix; the resurrector's switch (director API §5, §8, §9)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from director.model.rows import DiskRow
from director.ports.store import Changes
from tests.contract.api.served import Client, Served


def front(admin: Client) -> dict[int, dict[str, Any]]:
    task = admin.run("GET", "/deployments/shop/instances", params={"format": "full"})
    rows = [json.loads(line) for line in admin.output(task["id"], "result").splitlines()]
    return {one["index"]: one for one in rows if one["job_name"] == "front"}


def scan(admin: Client) -> list[dict[str, Any]]:
    task = admin.run("POST", "/deployments/shop/scans")
    assert (task["description"], task["result"]) == ("scan cloud", "scan complete")
    return admin.get("/deployments/shop/problems")


def resolve(
    admin: Client, problem: dict[str, Any], way: str | None, expect: str = "done", **more: Any
) -> dict[str, Any]:
    return admin.run(
        "PUT", "/deployments/shop/problems", expect, json={"resolutions": {str(problem["id"]): way}, **more}
    )


def lose_vm(served: Served, cid: str) -> None:
    served.cloud.inventory.vms.pop(cid)


def all_well(admin: Client) -> None:
    assert scan(admin) == []
    assert {one["job_state"] for one in front(admin).values()} == {"running"}


def test_nothing_found(deployed: Client) -> None:
    assert deployed.get("/deployments/shop/problems") == []
    task = deployed.run("POST", "/deployments/shop/scans")
    finished = [(one["stage"], one["task"]) for one in deployed.events(task["id"]) if one["state"] == "finished"]
    assert finished == [
        ("Scanning 2 VMs", "Checking VM states"),
        ("Scanning 2 VMs", "2 OK, 0 unresponsive, 0 missing, 0 unbound"),
        ("Scanning 2 persistent disks", "Looking for inactive disks"),
        ("Scanning 2 persistent disks", "2 OK, 0 missing, 0 inactive, 0 mount-info mismatch"),
    ]


def test_a_missing_vm_is_made_anew_with_its_disk(deployed: Client, served: Served) -> None:
    row = front(deployed)[0]
    lose_vm(served, row["vm_cid"])
    (problem,) = scan(deployed)
    assert set(problem) == {"id", "type", "data", "description", "resolutions", "instance_group"}
    assert (problem["type"], problem["instance_group"]) == ("missing_vm", "front")
    assert isinstance(problem["id"], int)
    assert [one["name"] for one in problem["resolutions"]] == [
        "ignore",
        "recreate_vm_without_wait",
        "recreate_vm",
        "delete_vm_reference",
    ]
    ignored = resolve(deployed, problem, "ignore")
    assert (ignored["description"], ignored["result"]) == ("apply resolutions", "1 resolved")
    (problem,) = scan(deployed)
    task = resolve(deployed, problem, None)
    assert task["result"] == "1 resolved"
    assert "Applying problem resolutions" in deployed.stages(task["id"])
    assert "Running post-deploy" in deployed.stages(task["id"])
    again = front(deployed)[0]
    assert again["vm_cid"] != row["vm_cid"]
    assert (again["id"], again["ips"], again["disk_cids"]) == (row["id"], row["ips"], row["disk_cids"])
    assert served.cloud.inventory.vms[again["vm_cid"]].disks == again["disk_cids"]
    assert deployed.get("/deployments/shop/problems") == []
    all_well(deployed)
    told = deployed.get("/events", task=str(task["id"]))
    assert {("cck", "deployment"), ("create", "vm")} <= {(one["action"], one["object_type"]) for one in told}


@pytest.mark.parametrize(
    "way", ["recreate_vm", "recreate_vm_without_wait", "reboot_vm", "delete_vm", "delete_vm_reference"]
)
def test_an_unresponsive_agent(deployed: Client, served: Served, way: str) -> None:
    row = front(deployed)[1]
    served.agents.silent.add(row["agent_id"])
    (problem,) = scan(deployed)
    assert problem["type"] == "unresponsive_agent"
    assert way in [one["name"] for one in problem["resolutions"]]
    if way == "reboot_vm":
        failed = resolve(deployed, problem, way, "error")
        assert "Timed out" in failed["result"]
        served.agents.silent.clear()
        untouched = resolve(deployed, problem, way, "error")
        told = f"Error resolving problem '{problem['id']}': Agent is responding now, skipping resolution"
        assert untouched["result"].startswith(told)
        all_well(deployed)
        return
    resolve(deployed, problem, way)
    served.agents.silent.clear()
    now = front(deployed)[1]
    if way.startswith("recreate"):
        assert now["vm_cid"] != row["vm_cid"]
        assert row["vm_cid"] not in served.cloud.inventory.vms
    else:
        assert now["vm_cid"] is None
        assert (row["vm_cid"] in served.cloud.inventory.vms) is (way == "delete_vm_reference")
        if way == "delete_vm_reference":
            served.cloud.inventory.vms.pop(row["vm_cid"])
        (problem,) = scan(deployed)
        assert problem["type"] == "missing_vm"
        resolve(deployed, problem, "recreate_vm")
    all_well(deployed)


def test_an_ignored_instance_is_left_alone(deployed: Client, served: Served) -> None:
    row = front(deployed)[1]
    path = "/deployments/shop/instance_groups/front/1/ignore"
    deployed("PUT", path, json={"ignore": True})
    served.agents.silent.add(row["agent_id"])
    assert scan(deployed) == []
    served.agents.silent.clear()
    deployed("PUT", path, json={"ignore": False})


def test_both_at_once_by_the_health_monitor(deployed: Client, served: Served) -> None:
    rows = front(deployed)
    lose_vm(served, rows[0]["vm_cid"])
    served.agents.silent.add(rows[1]["agent_id"])
    body = {"jobs": {"front": [rows[0]["id"], "1"]}}
    assert deployed.get("/resurrection") == {"resurrection": True}
    assert deployed("PUT", "/resurrection", json={"resurrection_paused": True}).status_code == 200
    assert deployed.get("/resurrection") == {"resurrection": False}
    assert deployed.error("PUT", "/deployments/shop/scan_and_fix", json=body)[:2] == (400, 410004)
    deployed("PUT", "/resurrection", json={"resurrection_paused": False})
    task = deployed.run("PUT", "/deployments/shop/scan_and_fix", json=body)
    assert (task["description"], task["result"]) == ("scan and fix", "scan and fix complete")
    served.agents.silent.clear()
    all_well(deployed)


def test_a_missing_disk(deployed: Client, served: Served) -> None:
    row = front(deployed)[0]
    (disk,) = row["disk_cids"]
    served.cloud.inventory.vms[row["vm_cid"]].disks.remove(disk)
    gone = served.cloud.inventory.disks.pop(disk)
    (problem,) = scan(deployed)
    assert (problem["type"], [one["name"] for one in problem["resolutions"]]) == (
        "missing_disk",
        ["ignore", "delete_disk_reference"],
    )
    resolve(deployed, problem, "delete_disk_reference")
    assert front(deployed)[0]["disk_cids"] == []
    assert [one["disk_cid"] for one in deployed.get("/disks")] == [gone.cid]
    assert scan(deployed) == []


def disk_of(served: Served, row: dict[str, Any]) -> DiskRow:
    (disk,) = served.on_loop(served.store.find(DiskRow, cid=row["disk_cids"][0]))
    return disk


def keep(served: Served, row: DiskRow) -> None:
    served.on_loop(served.store.commit(Changes(put=[row])))


@pytest.mark.parametrize("way", ["reattach_disk", "reattach_disk_and_reboot"])
def test_a_disk_that_is_not_mounted(deployed: Client, served: Served, way: str) -> None:
    row = front(deployed)[1]
    (cid,) = row["disk_cids"]
    guest = served.agents.guest(row["agent_id"])
    assert guest is not None
    guest.mounted.clear()
    (problem,) = scan(deployed)
    assert (problem["type"], problem["data"]) == ("mount_info_mismatch", {"owner_vms": []})
    assert problem["description"] == (
        f"Inconsistent mount information:\nRecord shows that disk '{cid}' should be mounted on {row['vm_cid']}.\n"
        "However it is currently :\n\tNot mounted in any VM"
    )
    assert resolve(deployed, problem, None)["result"] == "1 resolved", "left for now"
    (problem,) = scan(deployed)
    resolve(deployed, problem, way)
    assert guest.mounted == [cid]
    all_well(deployed)


def test_a_problem_that_is_none_any_more(deployed: Client, served: Served) -> None:
    row = front(deployed)[1]
    disk = disk_of(served, row)
    keep(served, replace(disk, active=False))
    (problem,) = scan(deployed)
    keep(served, disk)
    (now,) = deployed.get("/deployments/shop/problems")
    assert (now["id"], now["type"]) == (problem["id"], "invalid_problem")
    assert now["description"].endswith(f"is no longer valid: Disk '{disk.cid}' is no longer inactive")
    assert now["resolutions"] == [{"name": "close", "plan": "Close problem"}]
    assert resolve(deployed, now, None)["result"] == "1 resolved"
    assert deployed.get("/deployments/shop/problems") == []


def test_an_inactive_disk(deployed: Client, served: Served) -> None:
    row = front(deployed)[1]
    (cid,) = row["disk_cids"]
    keep(served, replace(disk_of(served, row), active=False))
    (problem,) = scan(deployed)
    assert problem["type"] == "inactive_disk"
    assert problem["description"] == f"Disk '{cid}' (64M) for instance 'front/{row['id']} (1)' is inactive"
    assert problem["resolutions"] == [
        {"name": "ignore", "plan": "Skip for now"},
        {"name": "delete_disk", "plan": "Delete disk"},
        {"name": "activate_disk", "plan": "Activate disk"},
    ]
    refused = resolve(deployed, problem, "delete_disk", "error")
    assert refused["result"].startswith(f"Error resolving problem '{problem['id']}': Disk is currently in use")
    (problem,) = scan(deployed)
    resolve(deployed, problem, "activate_disk")
    all_well(deployed)
    keep(served, replace(disk_of(served, row), active=False))
    (problem,) = scan(deployed)
    guest = served.agents.guest(row["agent_id"])
    assert guest is not None
    guest.mounted.clear()
    refused = resolve(deployed, problem, "activate_disk", "error")
    assert "Disk is not mounted" in refused["result"]
    (problem,) = scan(deployed)
    resolve(deployed, problem, "delete_disk")
    assert cid in [one["disk_cid"] for one in deployed.get("/disks")]
    assert scan(deployed) == []


def test_several_with_a_width(deployed: Client, served: Served) -> None:
    for row in front(deployed).values():
        lose_vm(served, row["vm_cid"])
    problems = scan(deployed)
    assert len(problems) == 2
    wanted = {str(one["id"]): "recreate_vm" for one in problems}
    body = {"resolutions": wanted, "max_in_flight_overrides": {"front": "100%"}}
    task = deployed.run("PUT", "/deployments/shop/problems", json=body)
    assert task["result"] == "2 resolved"
    all_well(deployed)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        5,
        {"resolutions": 5},
        {"resolutions": {"1": 5}},
        {"resolutions": {}, "max_in_flight_overrides": 5},
        {"resolutions": {}, "max_in_flight_overrides": {"front": "many"}},
        {"resolutions": {}, "max_in_flight_overrides": {"front": -1}},
        {"resolutions": {}, "max_in_flight_overrides": {"front": "²"}},
    ],
)
def test_bad_resolutions(deployed: Client, body: Any) -> None:
    assert deployed.error("PUT", "/deployments/shop/problems", json=body)[0] == 400


def test_unknown_resolutions(deployed: Client, served: Served) -> None:
    assert deployed.run("PUT", "/deployments/shop/problems", json={"resolutions": {"999": "recreate_vm"}})[
        "result"
    ] == ("0 resolved")
    row = front(deployed)[0]
    lose_vm(served, row["vm_cid"])
    (problem,) = scan(deployed)
    body = {"resolutions": {str(problem["id"]): "reboot_vm"}}
    assert deployed.error("PUT", "/deployments/shop/problems", json=body)[:2] == (400, 410003)
    for bad in ({}, {"jobs": 5}, {"jobs": {"front": 5}}, []):
        if bad:
            assert deployed.error("PUT", "/deployments/shop/scan_and_fix", json=bad)[0] == 400
    for bad in ({}, {"resurrection_paused": "yes"}, 5):
        assert deployed.error("PUT", "/resurrection", json=bad)[0] == 400


def test_problems_go_with_their_deployment(deployed: Client) -> None:
    assert len(deployed.get("/deployments/shop/problems")) == 1
    deployed.run("DELETE", "/deployments/shop", params={"force": "true"})
    assert deployed.error("GET", "/deployments/shop/problems")[:2] == (404, 70000)
