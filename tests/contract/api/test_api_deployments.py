"""/deployments: deploy parameters, diff, plan, lists, states, logs, errands, ssh (director API §5)."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.api.served import Client, Served, shop


def instances(admin: Client, name: str = "shop") -> list[dict[str, Any]]:
    task = admin.run("GET", f"/deployments/{name}/instances", params={"format": "full"})
    return [json.loads(line) for line in admin.output(task["id"], "result").splitlines()]


def front(admin: Client) -> list[dict[str, Any]]:
    return [one for one in instances(admin) if one["job_name"] == "front"]


def test_a_deploy(deployed: Client) -> None:
    (listed,) = deployed.get("/deployments")
    assert listed == {
        "name": "shop",
        "teams": [],
        "cloud_config": "latest",
        "releases": [{"name": "shop", "version": "1.1"}],
        "stemcells": [{"name": "meristem-dummy-loopback", "version": "1.0"}],
        "locked": False,
    }
    slim = deployed.get(
        "/deployments", exclude_configs="true", exclude_releases="true", exclude_stemcells="true", exclude_lock="true"
    )
    assert slim == [{"name": "shop", "teams": []}]
    assert yaml.safe_load(deployed.get("/deployments/shop")["manifest"])["name"] == "shop"
    (task,) = deployed.get("/tasks", deployment="shop", verbose="1")
    assert (task["description"], task["result"], task["deployment"]) == (
        "create deployment",
        "/deployments/shop",
        "shop",
    )
    stages = deployed.stages(task["id"])
    assert stages[:2] == ["Preparing deployment", "Compiling packages"]
    assert "Creating missing vms" in stages and "Updating instance" in stages


def test_events_of_a_deploy(deployed: Client) -> None:
    events = deployed.get("/events", deployment="shop")
    assert [int(one["id"]) for one in events] == sorted((int(one["id"]) for one in events), reverse=True)
    first, last = events[-1], events[0]
    assert (first["action"], first["object_type"], first["object_name"]) == ("create", "deployment", "shop")
    assert (last["action"], last["parent_id"]) == ("create", first["id"])
    cids = {one["vm_cid"] for one in front(deployed)}
    made = {one["object_name"]: one for one in events if (one["action"], one["object_type"]) == ("create", "vm")}
    assert cids < set(made), "compilation VMs are told too"
    for row in front(deployed):
        assert made[row["vm_cid"]]["instance"] == f"front/{row['id']}"
    kinds = {(one["action"], one["object_type"]) for one in events}
    assert {("create", "disk"), ("create", "instance"), ("delete", "vm")} <= kinds
    assert {one["task"] for one in events} == {first["task"]}
    assert deployed.get(f"/events/{first['id']}") == first
    assert {one["object_type"] for one in deployed.get("/events", action="create", object_type="disk")} == {"disk"}
    assert deployed.get("/events", instance=made[min(cids)]["instance"], object_type="vm")[0]["object_name"] == min(
        cids
    )


def test_short_lists(deployed: Client) -> None:
    vms = deployed.get("/deployments/shop/vms")
    assert [set(one) for one in vms] == [
        {
            *("agent_id", "cid", "job", "index", "id", "az", "ips", "vm_created_at", "active"),
            "permanent_nats_credentials",
        }
    ] * 2
    rows = deployed.get("/deployments/shop/instances")
    assert [(one["job"], one["index"], one["expects_vm"]) for one in rows if one["job"] == "front"] == [
        ("front", 0, True),
        ("front", 1, True),
    ]
    one = deployed.get("/deployments/shop/jobs/front/0")
    assert (one["job"], one["index"], one["state"], len(one["disks"])) == ("front", 0, "started", 1)
    assert deployed.get(f"/deployments/shop/jobs/front/{one['id']}") == one


def test_full_lists(deployed: Client) -> None:
    for row in front(deployed):
        assert {
            *("vm_cid", "active", "vm_created_at", "cloud_properties", "disk_cid", "disk_cids", "ips", "agent_id")
        } < set(row)
        assert {
            *("job_state", "state", "vm_type", "vitals", "processes", "az", "bootstrap", "ignore", "stemcell")
        } < set(row)
        assert (row["job_state"], row["state"], row["vm_type"]) == ("running", "started", "small")
        assert row["stemcell"] == {"name": "meristem-dummy-loopback", "version": "1.0", "api_version": 3}


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "", 70000),
        ("DELETE", "", 70000),
        ("GET", "/vms", 70000),
        ("GET", "/vms?format=full", 70000),
        ("GET", "/instances", 70000),
        ("GET", "/jobs/front/0", 70000),
        ("GET", "/jobs/front/0/logs", 70000),
        ("GET", "/variables", 70000),
        ("GET", "/errands", 70000),
        ("GET", "/certificate_expiry", 70000),
        ("GET", "/problems", 70000),
        ("POST", "/scans", 70000),
        ("PUT", "/problems", 70000),
        ("PUT", "/scan_and_fix", 70000),
        ("POST", "/errands/x/runs", 70000),
        ("POST", "/ssh", 70000),
        ("PUT", "/instance_groups/front/0/ignore", 70000),
        ("POST", "/instance_groups/front/0/actions/stop", 70000),
    ],
)
def test_unknown_deployments(deployed: Client, method: str, path: str, code: int) -> None:
    more: dict[str, Any] = {"json": {"ignore": True}} if method in ("PUT", "POST") else {}
    status, got, text = deployed.error(method, f"/deployments/none{path}", **more)
    assert (status, got, text) == (404, code, "Deployment 'none' doesn't exist")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"canaries": "some"}, "canaries"),
        ({"canaries": "-1"}, "canaries"),
        ({"canaries": "1.5"}, "canaries"),
        ({"canaries": "²"}, "canaries"),
        ({"canaries": "%"}, "canaries"),
        ({"canaries": "9" * 30}, "canaries"),
        ({"max_in_flight": "20 %"}, "max_in_flight"),
        ({"max_in_flight": "all"}, "max_in_flight"),
        ({"context": "{"}, "context"),
        ({"context": "[]"}, "context"),
        ({"context": "5"}, "context"),
        ({"context": '{"cloud_config_ids":5}'}, "context"),
        ({"context": '{"cloud_config_ids":["x"]}'}, "context"),
        ({"context": '{"cloud_config_ids":[true]}'}, "context"),
        ({"context": '{"cloud_config_ids":[1.5]}'}, "context"),
        ({"context": '{"runtime_config_ids":[-1]}'}, "context"),
        ({"context": '{"runtime_config_ids":[99999999999999999999]}'}, "context"),
        ({"context": "[" * 5000}, "context"),
        ({"recreate": "true", "recreate_vms_created_before": "yesterday"}, "recreate_vms_created_before"),
        ({"recreate_vms_created_before": "2026-13-45"}, "recreate_vms_created_before"),
    ],
)
def test_bad_deploy_parameters(deployed: Client, query: dict[str, str], name: str) -> None:
    before = len(deployed.get("/tasks", verbose="2"))
    headers = {"content-type": "text/yaml"}
    text = yaml.safe_dump(shop())
    for method, path in (
        ("POST", "/deployments"),
        ("PUT", "/deployments/shop/jobs/front?state=stopped"),
        ("POST", "/deployments/shop/plan"),
    ):
        separated = dict(query, state="stopped") if "?" in path else query
        status, code, said = deployed.error(
            method, path.partition("?")[0], content=text, headers=headers, params=separated
        )
        assert (status, code) == (400, 40005)
        assert f"'{name}'" in said
    assert len(deployed.get("/tasks", verbose="2")) == before, "a refused request made a task"


def test_unknown_config_ids(deployed: Client) -> None:
    for key in ("cloud_config_ids", "runtime_config_ids"):
        answer = deployed.yaml("POST", "/deployments", shop(), context=json.dumps({key: [4711]}))
        assert (answer.status_code, answer.json()["code"]) == (400, 190025)


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 40001), ("a: b", 40001), ("- a", 40001), ("name: 5", 40001), ("name: [", 710000), ("a: b\na: c", 710000)],
)
def test_bad_manifests(deployed: Client, text: str, code: int) -> None:
    answer = deployed.yaml("POST", "/deployments", text)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    raw = deployed("POST", "/deployments", content=b"name: \xff\xfe", headers={"content-type": "text/yaml"})
    assert (raw.status_code, raw.json()["code"]) == (400, 440001)


def test_diff(deployed: Client) -> None:
    changed = shop(instances=3, greeting="psst", persistent_disk_type="small")
    answer = deployed.yaml("POST", "/deployments/shop/diff", changed).json()
    assert set(answer) == {"context", "diff"}
    assert [len(ids) for ids in answer["context"].values()] == [1, 0]
    assert [line.strip() for line, status in answer["diff"] if status == "added"] == [
        "instances: 3",
        "greeting: <redacted>",
    ]
    plain = deployed.yaml("POST", "/deployments/shop/diff", changed, redact="false").json()
    assert "greeting: psst" in [line.strip() for line, _ in plain["diff"]]
    new = deployed.yaml("POST", "/deployments/other/diff", shop("other")).json()
    assert {status for line, status in new["diff"] if line} == {"added"}
    bad = deployed.yaml("POST", "/deployments/shop/diff", "name: [")
    assert (bad.status_code, bad.json()["diff"]) == (200, [])
    assert bad.json()["error"].startswith("Unable to diff manifest: ")


def test_an_empty_item_in_a_list_of_named_things(deployed: Client) -> None:
    document = {**shop(), "releases": [None, {"name": "shop", "version": "1.0"}]}
    answer = deployed.yaml("POST", "/deployments/shop/diff", document)
    assert (answer.status_code, "error" in answer.json()) == (200, False)
    assert ["-", "added"] in answer.json()["diff"]


def test_the_context_of_a_diff_pins_the_deploy(deployed: Client) -> None:
    context = deployed.yaml("POST", "/deployments/shop/diff", shop(persistent_disk_type="small")).json()["context"]
    task = deployed.deploy(shop(persistent_disk_type="small"), context=json.dumps(context))
    assert "Updating instance" not in deployed.stages(task["id"])


def test_plan(deployed: Client) -> None:
    same = deployed.yaml("POST", "/deployments/shop/plan", shop(persistent_disk_type="small")).json()
    assert same["summary"] == {"create": 0, "update": 0, "recreate": 0, "delete": 0, "unchanged": 3}
    more = deployed.yaml("POST", "/deployments/shop/plan", shop(instances=3, persistent_disk_type="small")).json()
    assert more["summary"]["create"] == 1
    causes = [
        cause
        for stage in more["stages"]
        for unit in stage["units"]
        for step in unit["steps"]
        for cause in step["causes"]
    ]
    assert {"field": "instance", "old": None, "new": "new"} in causes
    other = deployed.yaml("POST", "/deployments/other/plan", shop())
    assert (other.status_code, other.json()["code"]) == (400, 40005)
    missing = deployed.yaml("POST", "/deployments/shop/plan", {**shop(), "releases": [{"name": "x", "version": "1"}]})
    assert missing.status_code in (400, 404)
    assert deployed.get("/deployments/shop/instances") and len(front(deployed)) == 2


def test_dry_run(deployed: Client) -> None:
    before = deployed.get("/events")
    deployed.deploy(shop(instances=5, persistent_disk_type="small"), dry_run="true")
    assert len(front(deployed)) == 2
    assert deployed.get("/events") == before, "a dry run changed nothing and yet is told as an update"


def test_states(deployed: Client, served: Served) -> None:
    def states() -> dict[int, tuple[str, str | None]]:
        return {one["index"]: (one["state"], one["job_state"]) for one in front(deployed)}

    headers = {"content-type": "text/yaml"}
    task = deployed.run("PUT", "/deployments/shop/jobs/front/0", headers=headers, params={"state": "stopped"})
    assert task["description"] == "create deployment"
    assert states() == {0: ("stopped", "stopped"), 1: ("started", "running")}
    deployed.run("POST", "/deployments/shop/instance_groups/front/0/actions/start")
    assert states()[0] == ("started", "running")
    old = {one["index"]: one["vm_cid"] for one in front(deployed)}
    deployed.run("POST", "/deployments/shop/instance_groups/front/1/actions/recreate")
    new = {one["index"]: one["vm_cid"] for one in front(deployed)}
    assert old[0] == new[0] and old[1] != new[1]
    deployed.run("POST", "/deployments/shop/instance_groups/front/1/actions/stop", params={"hard": "true"})
    assert states()[1] == ("detached", None)
    deployed.run("PUT", "/deployments/shop/jobs/*", headers=headers, params={"state": "started"})
    assert states() == {0: ("started", "running"), 1: ("started", "running")}
    before = served.agents.script.calls["stop"]
    deployed.run("POST", "/deployments/shop/instance_groups/front/0/actions/restart")
    assert served.agents.script.calls["stop"] == before + 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/jobs/front/9?state=started", 70001),
        ("/jobs/none/0?state=started", 70001),
        ("/jobs/none?state=started", 70001),
        ("/jobs/front?state=asleep", 40005),
        ("/jobs/front", 40005),
    ],
)
def test_bad_states(deployed: Client, path: str, code: int) -> None:
    status, got, _ = deployed.error("PUT", f"/deployments/shop{path}", headers={"content-type": "text/yaml"})
    assert (status, got) == (404 if code == 70001 else 400, code)
    assert deployed.error("POST", "/deployments/shop/instance_groups/front/0/actions/dance")[:2] == (404, 70009)
    other = deployed.yaml("PUT", "/deployments/shop/jobs/front?state=started", shop("other"))
    assert other.json()["code"] in (40005,)


def test_ignore(deployed: Client) -> None:
    path = "/deployments/shop/instance_groups/front/0/ignore"
    assert deployed("PUT", path, json={"ignore": True}).status_code == 200
    assert [one["ignore"] for one in front(deployed)] == [True, False]
    assert deployed("PUT", path, json={"ignore": False}).status_code == 200
    for bad in ({}, {"ignore": "yes"}, [], 5):
        assert deployed.error("PUT", path, json=bad)[0] == 400
    unknown = path.replace("front/0", "front/7")
    assert deployed.error("PUT", unknown, json={"ignore": True})[:2] == (404, 70001)
    gone = deployed("PUT", "/deployments/shop/jobs/front/0/resurrection", json={"resurrection_paused": True})
    assert gone.status_code == 410


def test_logs(deployed: Client, tmp_path: Path) -> None:
    task = deployed.run("GET", "/deployments/shop/jobs/front/0/logs", params={"type": "job"})
    assert deployed("GET", f"/resources/{task['result']}").content.startswith(b"logs of ")
    task = deployed.run("GET", "/deployments/shop/jobs/*/*/logs", params={"type": "job,agent", "filters": "a,b"})
    (tmp_path / "logs.tgz").write_bytes(deployed("GET", f"/resources/{task['result']}").content)
    with tarfile.open(tmp_path / "logs.tgz") as archive:
        names = archive.getnames()
    ids = {one["id"] for one in front(deployed)}
    assert {tuple(name.split(".")[:2]) for name in names} == {("front", id) for id in ids}


def test_ssh(deployed: Client) -> None:
    body = {
        "deployment_name": "shop",
        "target": {"job": "front", "ids": ["0"]},
        "command": "setup",
        "params": {"user": "bosh_0123456789abcde", "public_key": "ssh-rsa AAAA"},
    }
    task = deployed.run("POST", "/deployments/shop/ssh", json=body)
    (rows,) = (json.loads(line) for line in deployed.output(task["id"], "result").splitlines())
    assert [(one["status"], one["job"], one["index"]) for one in rows] == [("success", "front", 0)]
    assert task["description"].startswith("ssh: setup:")
    for bad in (
        {},
        [],
        {"command": "dance"},
        {"command": "setup", "target": 5},
        {**body, "params": []},
        {**body, "target": {"ids": 5}},
    ):
        assert deployed.error("POST", "/deployments/shop/ssh", json=bad)[0] == 400
    nobody = deployed.task("POST", "/deployments/shop/ssh", json={**body, "target": {"job": "none"}})
    deployed.wait(nobody, "error")


def test_errands(deployed: Client) -> None:
    assert deployed.get("/deployments/shop/errands") == [{"name": "checks"}, {"name": "smoke"}]
    body = {"keep-alive": False, "when-changed": False, "instances": []}
    task = deployed.run("POST", "/deployments/shop/errands/smoke/runs", json=body)
    assert (task["description"], task["result"]) == (
        "run errand smoke from deployment shop",
        "1 succeeded, 0 errored, 0 canceled",
    )
    (row,) = (json.loads(line) for line in deployed.output(task["id"], "result").splitlines())
    assert (row["errand_name"], row["exit_code"]) == ("smoke", 0)
    events = deployed.get("/events", task=str(task["id"]))
    assert {("run", "errand"), ("create", "vm"), ("delete", "vm")} <= {
        (one["action"], one["object_type"]) for one in events
    }
    unknown = deployed.task("POST", "/deployments/shop/errands/none/runs", json=body)
    deployed.wait(unknown, "error")
    assert deployed.events(unknown)[-1]["error"]["code"] == 510000
    for bad in ([], 5, {"instances": 5}, {"instances": [5]}, {"instances": {}}):
        assert deployed.error("POST", "/deployments/shop/errands/smoke/runs", json=bad)[0] == 400


def test_locks(deployed: Client, served: Served) -> None:
    import threading

    gate = threading.Event()

    async def holder(context: Any) -> str:
        import asyncio

        await context.lock("deployment/shop")
        while not gate.is_set():
            await asyncio.sleep(0.01)
        return "held"

    served.runner._handlers["holder"] = holder  # type: ignore[index]
    task = served.on_loop(served.runner.create("holder", "hold"))
    while not deployed.get("/locks"):
        pass
    (lock,) = deployed.get("/locks")
    assert (lock["type"], lock["resource"], lock["task_id"]) == ("deployment", ["shop"], str(task.id))
    assert float(lock["timeout"]) > 0
    assert deployed.get("/deployments")[0]["locked"] is True
    refused = deployed.task("POST", "/deployments/shop/scans")
    assert "Unable to get deployment lock" in deployed.wait(refused, "error")["result"]
    gate.set()
    deployed.wait(task.id)
    assert deployed.get("/locks") == []
