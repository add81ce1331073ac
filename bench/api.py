"""The API under load: how long list and status calls take beside a 500-VM deploy, with 100,000 old tasks: ``python -m bench.api``.

A real director process on SQLite, TLS and all, over the simulated cloud. 100,000 ended tasks with their outputs, as many events and 200 other
deployments are planted. A process of its own calls 40 times a second, at fixed times whatever was answered: the task and ranges of its event
output as the public CLI polls them, tasks by state, the newest tasks, those of a deployment, deployments, instances, VMs, events and locks. It
does so while nothing runs, and from the moment a 500-VM deploy is asked for until it has ended. ``loop`` tells how late the director's event
loop was, in milliseconds; ``waited_for_processor`` is the share of the time in which the loop could have gone on but had no processor: the cloud,
the agents, the caller and whoever else is on the machine had them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from bench import goods, past
from bench.stage import PASSWORD, REPOSITORY, USER, Stage, stage
from bench.watched import FILE, percentile

TASKS, INSTANCES, WIDTH, RATE = 100_000, 500, 50, 40
IDLE, LEAST = 15.0, 20.0
PROPERTIES: dict[str, Any] = {
    "latency": {"create_vm": {"uniform": [4000, 8000]}, "set_vm_metadata": 300, "delete_vm": 1000},
    "agents": {
        "heartbeat": 30,
        "linger": 5,
        "boot": {"uniform": [2000, 5000]},
        "latency": {"prepare": 500, "apply": 500, "run_script": 300, "start": 200},
    },
}


def paths(task: int) -> list[tuple[str, str, str]]:
    """What is called: name, path, range."""
    return [
        ("task", f"/tasks/{task}", ""),
        ("output", f"/tasks/{task}/output?type=event", "follow"),
        ("task", f"/tasks/{task}", ""),
        ("output", f"/tasks/{task}/output?type=event", "follow"),
        ("tasks by state", "/tasks?state=processing,cancelling,queued&verbose=1", ""),
        ("newest tasks", "/tasks?limit=30&verbose=1", ""),
        ("newest of all", "/tasks?limit=30&verbose=2", ""),
        ("a deployment's tasks", "/tasks?deployment=old-0017&limit=30&verbose=2", ""),
        ("deployments", "/deployments", ""),
        ("short deployments", "/deployments?exclude_configs=true&exclude_releases=true&exclude_stemcells=true", ""),
        ("instances", "/deployments/bench/instances", ""),
        ("vms", "/deployments/bench/vms", ""),
        ("events", "/events", ""),
        ("a deployment's events", "/events?deployment=old-0017", ""),
        ("locks", "/locks", ""),
        ("old output", "/tasks/5000/output?type=debug", "bytes=0-"),
    ]


def measure(*, tasks: int = TASKS, instances: int = INSTANCES, idle: float = IDLE, rate: int = RATE) -> dict[str, Any]:
    """Milliseconds p50, p99 and most, idle and under load, by kind of call too; the loop's lateness; the director's processor time."""
    words = (sys.executable, "-m", "bench.watched")
    # the old tasks stay: this is not about how they are forgotten
    with stage(PROPERTIES, words=words, max_tasks=10 * TASKS, own={"max_events": 10 * TASKS}) as here:
        past.plant(here.database, tasks, now=time.time())
        small = goods.manifest({"web": 2}, width=2, watch=1)
        here.deploy(small, 120)
        quiet = _calls(here, tasks, idle, rate)
        loop_of(here)
        calm = _read(_start(here, quiet))
        calm_loop = loop_of(here)
        wanted = goods.manifest({"web": instances}, width=WIDTH, watch=500)
        spent, waited = here.processor()["director"], _waited(here)
        task = here.start("POST", "/deployments", yaml.safe_dump(wanted, sort_keys=False).encode())
        began = time.monotonic()
        rounds: list[dict[str, Any]] = []
        while not rounds or here.get(f"/tasks/{task}")["state"] == "processing":
            rounds.append(_read(_start(here, _calls(here, task, LEAST, rate))))
            if time.monotonic() - began > 900:
                break
        here.wait(task, 60)
        seconds = time.monotonic() - began
        return {
            "tasks": tasks,
            "instances": instances,
            "idle": _figures([calm]) | {"loop": calm_loop},
            "beside_deploy": _figures(rounds) | {"loop": loop_of(here)},
            "waited_for_processor": round((_waited(here) - waited) / seconds, 3),
            "deploy_seconds": round(seconds, 1),
            "director_processor": round(here.processor()["director"] - spent, 1),
            "director_mib": round(here.resident(), 1),
            "database_mib": round(here.database.stat().st_size / 2**20, 1),
        }


def _waited(here: Stage) -> float:
    """Seconds for which the director's loop was ready to go on and the machine was busy with others."""
    return int(Path(f"/proc/{here.process.pid}/schedstat").read_text().split()[1]) / 1e9


def _calls(here: Stage, task: int, seconds: float, rate: int) -> dict[str, Any]:
    return {
        "port": here.http.base_url.port,
        "ca": str(here.directory / "api.pem"),
        "user": USER,
        "password": PASSWORD,
        "seconds": seconds,
        "rate": rate,
        "paths": paths(task),
    }


def _start(here: Stage, given: dict[str, Any]) -> subprocess.Popen[str]:
    caller = subprocess.Popen(
        [sys.executable, "-m", "bench.caller"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert caller.stdin is not None
    caller.stdin.write(json.dumps(given))
    caller.stdin.close()
    return caller


def _read(caller: subprocess.Popen[str]) -> dict[str, Any]:
    assert caller.stdout is not None
    text = caller.stdout.read()
    if caller.wait(60):
        raise SystemExit("the caller failed")
    return json.loads(text)


def _figures(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    took: dict[str, list[float]] = {}
    for one in rounds:
        for name, values in one["took"].items():
            took.setdefault(name, []).extend(values)
    together = [value for values in took.values() for value in values]
    failed = [line for one in rounds for line in one["failed"]]
    return {
        "calls": len(together),
        "failed": len(failed),
        "failures": failed[:5],
        **_summary(together),
        "by_call": {name: _summary(values) for name, values in sorted(took.items())},
        "slowest": sorted((tuple(line) for one in rounds for line in one["slow"]), reverse=True)[:8],
    }


def _summary(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {
        "p50": round(statistics.median(values), 2),
        "p99": round(percentile(values, 0.99), 2),
        "most": round(max(values), 2),
    }


def loop_of(here: Stage) -> dict[str, Any]:
    """How late the loop of a watched director was since this was last asked."""
    file = here.directory / FILE
    file.unlink(missing_ok=True)
    os.kill(here.process.pid, signal.SIGUSR1)
    deadline = time.monotonic() + 10
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return json.loads(file.read_text()) if file.exists() else {}


def main(words: list[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Milliseconds that API calls take beside a deploy.")
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--instances", type=int, default=INSTANCES)
    parser.add_argument("--rate", type=int, default=RATE)
    options = parser.parse_args(words)
    print(json.dumps(measure(tasks=options.tasks, instances=options.instances, rate=options.rate), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
