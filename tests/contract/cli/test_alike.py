"""The same words to the public CLI and to ours must make the same requests. Needs BOSH_BIN, the public CLI's program."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

STARTS = (
    "POST /deployments",
    "DELETE /deployments/demo",
    "POST /stemcells",
    "POST /releases",
    "DELETE /stemcells/s/1.2",
    "DELETE /disks/d-1",
    "PUT /deployments/demo/jobs/*",
    "PUT /deployments/demo/jobs/web",
    "PUT /deployments/demo/jobs/web/0",
    "POST /deployments/demo/scans",
    "DELETE /networks/n",
    "POST /deployments/demo/snapshots",
    "POST /deployments/demo/jobs/web/0/snapshots",
    "DELETE /deployments/demo/snapshots",
    "DELETE /deployments/demo/snapshots/s-1",
    "PUT /disks/d-1/attachments",
    *(
        f"POST /deployments/demo/instance_groups/web/0/actions/{act}"
        for act in ("start", "stop", "restart", "recreate")
    ),
)
CONFIG = {
    "id": "3",
    "type": "cloud",
    "name": "default",
    "content": "azs: []\n",
    "team": None,
    "created_at": "2020-01-01 00:00:00 UTC",
    "current": True,
}
ERRAND = {
    "instance": {"group": "web", "id": "x"},
    "errand_name": "e",
    "exit_code": 0,
    "stdout": "",
    "stderr": "",
    "logs": {},
}
WORDS = """
env
deployments
-d demo deployment
-d demo manifest
stemcells
releases
locks
events
events --before-id 3 --before 2020 --task 4 --instance web/0 --event-user u --action a --object-type o --object-name n
disks --orphaned
-d demo variables
-d demo errands
tasks
tasks -r
tasks --recent=7 -a
-d demo tasks
orphaned-vms
networks --orphaned
-d demo snapshots
configs
config 3
update-config --type t --name n c.yml
delete-config 3
delete-config --type t --name n
-d demo deploy m.yml
-d demo deploy m.yml --recreate --fix --canaries 2 --max-in-flight 3 --dry-run --no-redact
-d demo deploy m.yml --skip-drain=web --recreate-persistent-disks --force-latest-variables
-d demo deploy m.yml --skip-drain
-d demo deploy m.yml --recreate-vms-created-before 2020-01-01T00:00:00Z
-d demo deploy m.yml -o o.yml -v n=4
-d demo delete-deployment
-d demo delete-deployment --force
-d demo start
-d demo start web
-d demo start web/0
-d demo stop
-d demo stop --hard web
-d demo restart web/0
-d demo recreate --fix --canaries 1 web
-d demo recreate --dry-run
-d demo recreate --vms-created-before 2020-01-01T00:00:00Z
-d demo stop --no-converge --hard web/0
-d demo start --no-converge web/0
-d demo restart --no-converge --skip-drain web/0
-d demo recreate --no-converge --fix web/0
-d demo ignore web/0
-d demo unignore web/0
-d demo vms
-d demo instances
-d demo logs
-d demo logs web
-d demo logs web/0 --only x,y
-d demo logs --agent
-d demo run-errand e
-d demo run-errand e --keep-alive --when-changed --instance web --instance web/0
-d demo cloud-check --auto
delete-stemcell s/1.2
delete-stemcell --force s/1.2
delete-disk d-1
orphan-disk d-1
-d demo attach-disk web/0 d-1
delete-network n
-d demo take-snapshot
-d demo take-snapshot web/0
-d demo delete-snapshots
-d demo delete-snapshot s-1
cancel-task 3
cancel-tasks
update-resurrection off
upload-stemcell https://x.test/y.tgz --name s --version 1.2
upload-release https://x.test/y.tgz --fix
upload-release https://x.test/y.tgz --name r --version 1
curl /locks
""".strip().splitlines()


def stocked(world: Any) -> None:
    def task(**attributes: Any) -> Callable[[Any], Any]:
        event = {"time": 1700000000, "stage": "S", "tags": [], "total": 1, "task": "t", "index": 1, "progress": 0}
        return lambda _request: world.task({**event, "state": "started"}, {**event, "state": "finished"}, **attributes)

    def listing(request: Any) -> Any:
        row = {"job_name": "web", "id": "x", "index": 0, "ips": ["192.0.2.1"], "job_state": "running", "vm_cid": "v"}
        full = {**row, "vm_created_at": "2020-01-01T00:00:00Z"}
        return task(result_output=json.dumps(full) + "\n")(request) if request.query.get("format") else []

    world.replies.update({start: task() for start in STARTS})
    for path in (
        "locks",
        "events",
        "disks",
        "orphan_disks",
        "tasks",
        "orphaned_vms",
        "networks",
        "stemcells",
        "releases",
    ):
        world.replies[f"GET /{path}"] = []
    for path in ("variables", "errands", "snapshots", "problems"):
        world.replies[f"GET /deployments/demo/{path}"] = []
    for path in ("*/*", "web/*", "web/0"):
        world.replies[f"GET /deployments/demo/jobs/{path}/logs"] = task(result="blob")
    deployment = {"name": "demo", "releases": [], "stemcells": [], "teams": [], "cloud_config": "latest"}
    world.replies |= {
        "GET /deployments": [deployment],
        "GET /deployment_configs": [],
        "GET /deployments/demo": {"manifest": "name: demo\n"},
        "GET /deployments/demo/vms": listing,
        "GET /deployments/demo/instances": listing,
        "POST /deployments/demo/diff": {"context": {"cloud_config_ids": ["1"], "runtime_config_ids": []}, "diff": []},
        "POST /deployments/demo/errands/e/runs": task(result_output=json.dumps(ERRAND) + "\n"),
        "PUT /deployments/demo/instance_groups/web/0/ignore": (200, ""),
        "GET /configs": [CONFIG],
        "GET /configs/3": CONFIG,
        "POST /configs/diff": {"diff": [], "from": {"id": "3"}},
        "POST /configs": (201, CONFIG),
        "DELETE /configs": (204, ""),
        "DELETE /configs/3": (204, ""),
        "POST /stemcell_uploads": {"needed": True},
        "GET /resources/blob": (200, b"data"),
        "DELETE /task/3": (204, ""),
        "POST /tasks/cancel": (204, ""),
        "PUT /resurrection": (200, ""),
    }


def told(world: Any) -> set[str]:
    """What was asked for: bodies as values, without polling, look-ups that change nothing, and our own plan."""
    out: set[str] = set()
    for request in world.requests:
        if request.path == "/info" or request.path.startswith("/tasks/") or request.path.endswith("/plan"):
            continue
        query = {key: value for key, value in request.query.items() if not key.startswith("exclude_")}
        if "context" in query:
            query["context"] = json.dumps(json.loads(query["context"]), sort_keys=True)
        body = yaml.safe_load(request.body) if request.body else None
        kind = request.headers.get("Content-Type", "") if body is not None else ""
        out.add(json.dumps([request.method, request.path, query, body, kind], sort_keys=True))
    return out


@pytest.fixture
def bosh() -> str:
    program = os.environ.get("BOSH_BIN", "")
    if not program:
        pytest.skip("BOSH_BIN names no public CLI")
    return program


def test_the_same_requests(world: Any, run: Callable[..., Any], bosh: str, tmp_path: Path, monkeypatch: Any) -> None:
    stocked(world)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BOSH_NON_INTERACTIVE", "true")
    monkeypatch.setenv("BOSH_ENVIRONMENT", world.url)
    (tmp_path / "m.yml").write_text("name: demo\ninstance_groups:\n- name: web\n")
    (tmp_path / "o.yml").write_text("- type: replace\n  path: /instance_groups/name=web/instances?\n  value: ((n))\n")
    (tmp_path / "c.yml").write_text("azs: []\n")
    different: list[str] = []
    for line in WORDS:
        world.requests.clear()
        theirs = subprocess.run(
            [bosh, *line.split()], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        asked_by_them = told(world)
        world.requests.clear()
        ours = run(*line.split())
        if (theirs.returncode, asked_by_them) != (ours.code, told(world)):
            only_theirs, only_ours = asked_by_them - told(world), told(world) - asked_by_them
            different.append(
                f"{line}: exit {theirs.returncode}/{ours.code}, theirs {only_theirs}, ours {only_ours} {ours.err}"
            )
    assert not different, "\n".join(different)
