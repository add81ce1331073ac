from __future__ import annotations

import json
from typing import Any

import pytest

STEMCELLS = [
    {
        "name": "deb",
        "operating_system": "debian-12",
        "version": version,
        "cid": f"c{version}",
        "cpi": "",
        "deployments": used,
    }
    for version, used in (("1.9", []), ("1.10", [{"name": "demo"}]))
]
ROW: dict[str, Any] = {
    "vm_cid": "vm-1",
    "active": True,
    "vm_created_at": "2026-01-02T03:04:05Z",
    "cloud_properties": {"cpus": 1},
    "disk_cid": "disk-1",
    "disk_cids": ["disk-1"],
    "ips": ["10.77.0.10", "10.78.0.1"],
    "agent_id": "a-1",
    "job_name": "store",
    "index": 0,
    "job_state": "running",
    "state": "started",
    "vm_type": "default",
    "vitals": {
        "cpu": {"sys": "1.0", "user": "2.5", "wait": "0.0"},
        "mem": {"kb": "204800", "percent": "10"},
        "swap": {"kb": "0", "percent": "0"},
        "load": ["0.1", "0.2", "0.3"],
        "disk": {"system": {"percent": "12", "inode_percent": "3"}},
        "uptime": {"secs": 93784},
    },
    "processes": [
        {
            "name": "store",
            "state": "running",
            "uptime": {"secs": 5},
            "mem": {"kb": 1024, "percent": 1.5},
            "cpu": {"total": 0.5},
        }
    ],
    "az": "z1",
    "id": "11111111-2222",
    "bootstrap": True,
    "ignore": False,
    "stemcell": {"name": "deb", "version": "1.10", "api_version": 3},
}


def test_json_has_the_public_shape(world, run) -> None:
    world.replies["GET /stemcells"] = STEMCELLS
    ran = run("stemcells", "--json")
    assert ran.code == 0
    assert ran.json == {
        "Tables": [
            {
                "Content": "stemcells",
                "Header": {"name": "Name", "version": "Version", "os": "OS", "cpi": "CPI", "cid": "CID"},
                "Rows": [
                    {"name": "deb", "version": "1.10*", "os": "debian-12", "cpi": "", "cid": "c1.10"},
                    {"name": "deb", "version": "1.9", "os": "debian-12", "cpi": "", "cid": "c1.9"},
                ],
                "Notes": ["(*) Currently deployed"],
            }
        ],
        "Blocks": None,
        "Lines": [f"Using environment '{world.url.removeprefix('https://')}' as client 'admin'\n", "Succeeded"],
    }


def test_pipes_get_rows_alone_and_terminals_all(world, run) -> None:
    world.replies["GET /stemcells"] = STEMCELLS
    assert run("stemcells").out == "deb\t1.10*\tdebian-12\t-\tc1.10\ndeb\t1.9\tdebian-12\t-\tc1.9\n"
    shown = run("stemcells", "--tty", "--no-color").out
    assert "Using environment" in shown
    assert "Name  Version  OS" in shown
    assert "2 stemcells" in shown
    assert shown.endswith("Succeeded\n")


def test_columns(world, run) -> None:
    world.replies["GET /stemcells"] = STEMCELLS
    assert run("stemcells", "--column", "version", "--column=Name").out == "1.10*\tdeb\n1.9\tdeb\n"
    ran = run("stemcells", "--column", "nope")
    assert ran.code == 1
    assert "Failed to find header: nope" in ran.err
    assert "name, version, os" in ran.err


def instances(world) -> None:
    task = world.task(
        result_output=json.dumps(ROW) + "\n" + json.dumps({**ROW, "id": "3", "job_state": "failing"}) + "\n"
    )
    world.replies["GET /deployments/demo/instances"] = task
    world.replies["GET /deployments/demo/vms"] = task


def test_instances(world, run) -> None:
    instances(world)
    rows = run("-d", "demo", "instances", "--json").json["Tables"][0]["Rows"]
    assert rows[0] == {
        "instance": "store/11111111-2222",
        "process_state": "running",
        "az": "z1",
        "ips": "10.77.0.10\n10.78.0.1",
    }
    assert world.sent("GET", "/deployments/demo/instances")[0].query == {"format": "full"}


def test_instances_with_everything(world, run) -> None:
    instances(world)
    table = run("instances", "-d", "demo", "--ps", "--vitals", "-i", "--json").json["Tables"][0]
    first, process = table["Rows"][:2]
    assert first["vm_cid"] == "vm-1"
    assert first["stemcell"] == "deb/1.10"
    assert first["load_1m_5m_15m"] == "0.1, 0.2, 0.3"
    assert first["uptime"] == "1d 2h 3m 4s"
    assert first["memory_usage"] == "10% (200 MB)"
    assert first["system_disk_usage"] == "12% (3i%)"
    assert (process["process"], process["process_state"], process["cpu_total"]) == ("store", "running", "0.5%")
    assert set(first) == set(process) == set(table["Header"])


def test_failing_instances(world, run) -> None:
    instances(world)
    rows = run("instances", "-d", "demo", "--failing", "--json").json["Tables"][0]["Rows"]
    assert [row["instance"] for row in rows] == ["store/3"]


def test_vms_of_all_deployments(world, run) -> None:
    instances(world)
    world.replies["GET /deployments"] = [{"name": "demo"}]
    table = run("vms", "--cloud-properties", "--json").json["Tables"][0]
    assert list(table["Header"]) == [
        "instance",
        "process_state",
        "az",
        "ips",
        "vm_cid",
        "vm_type",
        "active",
        "stemcell",
        "cloud_properties",
    ]
    assert table["Rows"][0]["cloud_properties"] == '{"cpus": 1}'


@pytest.mark.parametrize(
    ("words", "path", "reply", "query", "expected"),
    [
        (
            ("deployments",),
            "/deployments",
            [{"name": "b", "releases": [{"name": "r", "version": "1"}], "stemcells": [], "teams": ["t"]}],
            {"exclude_configs": "true", "exclude_lock": "true"},
            "b\tr/1\t-\tt\n",
        ),
        (
            ("releases",),
            "/releases",
            [
                {
                    "name": "demo",
                    "release_versions": [
                        {
                            "version": "2",
                            "commit_hash": "abc",
                            "uncommitted_changes": True,
                            "currently_deployed": False,
                        },
                        {
                            "version": "10",
                            "commit_hash": "def",
                            "uncommitted_changes": False,
                            "currently_deployed": True,
                        },
                    ],
                }
            ],
            {},
            "demo\t10*\tdef\ndemo\t2\tabc+\n",
        ),
        (
            ("tasks", "-r=5", "-d", "demo", "--all"),
            "/tasks",
            [
                {
                    "id": 3,
                    "state": "done",
                    "started_at": 1700000000,
                    "timestamp": 1700000100,
                    "user": "u",
                    "description": "d",
                }
            ],
            {"verbose": "2", "limit": "5", "deployment": "demo"},
            "3\tdone\tTue Nov 14 22:13:20 UTC 2023\tTue Nov 14 22:15:00 UTC 2023\tu\t-\td\t-\n",
        ),
        (
            ("tasks",),
            "/tasks",
            [],
            {"verbose": "2", "state": "processing,cancelling,queued"},
            "",
        ),
        (("tasks", "--recent"), "/tasks", [], {"verbose": "1", "limit": "30"}, ""),
        (
            ("locks",),
            "/locks",
            [{"type": "deployment", "resource": ["demo"], "timeout": "1700000000.5", "task_id": "7"}],
            {},
            "deployment\tdemo\t7\tTue Nov 14 22:13:20 UTC 2023\n",
        ),
        (
            ("disks", "--orphaned"),
            "/disks",
            [
                {
                    "disk_cid": "d",
                    "size": 2048,
                    "deployment_name": "x",
                    "instance_name": "y",
                    "az": "z",
                    "orphaned_at": "t",
                }
            ],
            {},
            "d\t2.0 GiB\tx\ty\tz\tt\n",
        ),
        (
            ("variables", "-d", "demo"),
            "/deployments/demo/variables",
            [{"id": "2", "name": "/b"}, {"id": "1", "name": "/a"}],
            {},
            "1\t/a\n2\t/b\n",
        ),
        (
            ("events", "--task", "3", "--before", "2020-01-01", "--event-user", "u"),
            "/events",
            [
                {
                    "id": "5",
                    "parent_id": "4",
                    "timestamp": 1700000000,
                    "user": "u",
                    "action": "create",
                    "context": {"a": 1},
                }
            ],
            {"task": "3", "before_time": "2020-01-01", "user": "u"},
            '5 <- 4\tTue Nov 14 22:13:20 UTC 2023\tu\tcreate\t-\t-\t-\t-\t-\t{"a": 1}\t-\n',
        ),
        (
            ("configs", "--type", "cloud"),
            "/configs",
            [{"id": "3", "type": "cloud", "name": "default", "team": None, "created_at": "t", "current": True}],
            {"type": "cloud", "limit": "1", "latest": "true"},
            "3*\tcloud\tdefault\t-\tt\n",
        ),
        (("errands", "-d", "demo"), "/deployments/demo/errands", [{"name": "smoke"}], {}, "smoke\n"),
    ],
)
def test_listings(world, run, words, path, reply, query, expected) -> None:
    world.replies[f"GET {path}"] = reply
    ran = run(*words)
    assert (ran.code, ran.out, ran.err) == (0, expected, "")
    assert world.sent("GET", path)[0].query == query


def test_manifest_is_the_text_as_sent(world, run) -> None:
    world.replies["GET /deployments/demo"] = {"manifest": "# mine\nname: demo\n"}
    assert run("manifest", "-d", "demo").out == "# mine\nname: demo\n"


def test_environment(world, run) -> None:
    table = run("env", "--json").json["Tables"][0]
    assert table["Rows"] == [
        {
            "name": "lab",
            "uuid": "u-1",
            "version": "280.0.0 (00000000)",
            "cpi": "libvirt",
            "features": "snapshots: disabled",
            "user": "admin",
        }
    ]
