"""What a crash costs: calls of the cloud by a deploy whose director is killed (SIGKILL) at a random moment, over those of one that is not.

Real processes throughout: director, CPI worker, agents, bus. The cloud takes a creation on at once and builds it in its own time (create_vm answers
after 0.2 s, the agent speaks some seconds later), as clouds with an asynchronous API do. A second figure is for a cloud that answers create_vm only
when the VM is built: there more calls are under way when the director dies. A call counts when it comes to the cloud, whatever it asks for.
"""

from __future__ import annotations

import random
import time
from typing import Any

import yaml

from bench import goods
from bench.history import rows
from bench.stage import stage
from director.model.rows import VmRow

SEEDS, INSTANCES, WIDTH = 6, 100, 20
CLOUDS: dict[str, dict[str, Any]] = {
    "accepting": {
        "latency": {"create_vm": 200, "set_vm_metadata": 100},
        "agents": {"heartbeat": 30, "linger": 5, "boot": 1500, "latency": {"apply": 300}},
    },
    "waiting": {
        "latency": {"create_vm": 3000, "set_vm_metadata": 100},
        "agents": {"heartbeat": 30, "linger": 5, "boot": 200, "latency": {"apply": 300}},
    },
}


def measure(*, quick: bool = False) -> dict[str, Any]:
    """By kind of cloud: ``tax`` (extra calls, as part of the calls without a crash, over all seeds), ``extra`` by method, ``orphans`` (VMs that no
    row knows, or made twice), ``worst`` of the seeds, ``back_after`` (s from the kill until the director listens again, mean)."""
    seeds, instances, width = (1, 6, 3) if quick else (SEEDS, INSTANCES, WIDTH)
    found: dict[str, Any] = {"seeds": seeds, "instances": instances, "width": width}
    for name, properties in CLOUDS.items():
        if quick and name != "accepting":
            continue
        calm, seconds = _undisturbed(properties, instances, width)
        extra: dict[str, int] = {}
        worst, orphans, back = 0, 0, 0.0
        for seed in range(seeds if name == "accepting" else max(1, seeds // 2)):
            moment = random.Random(seed).uniform(0.05, 0.95) * seconds  # noqa: S311
            calls, lost, away = _crashed(properties, instances, width, moment)
            more = {method: calls[method] - calm.get(method, 0) for method in calls}
            worst = max(worst, sum(more.values()))
            orphans, back = orphans + lost, back + away
            for method, count in more.items():
                extra[method] = extra.get(method, 0) + count
        runs = seeds if name == "accepting" else max(1, seeds // 2)
        total = sum(calm.values())
        found[name] = {
            "calls": total,
            "tax": round(sum(extra.values()) / (total * runs), 4),
            "worst": round(worst / total, 4),
            "extra": {method: count for method, count in sorted(extra.items()) if count},
            "orphans": orphans,
            "back_after": round(back / runs, 2),
        }
    return found


def _undisturbed(properties: dict[str, Any], instances: int, width: int) -> tuple[dict[str, int], float]:
    with stage(properties, width=width) as made:
        task = made.deploy(_wanted(instances, width), 300)
        began, ended = made.took(task)
        return dict(made.counters("calls:")), ended - began


def _crashed(
    properties: dict[str, Any], instances: int, width: int, moment: float
) -> tuple[dict[str, int], int, float]:
    with stage(properties, width=width) as made:
        task = made.start("POST", "/deployments", yaml.safe_dump(_wanted(instances, width)).encode())
        time.sleep(moment)
        killed = time.monotonic()
        made.restart()
        away = time.monotonic() - killed
        made.wait(task, 300)
        known = {row.cid for row in rows(made.database, VmRow)}
        there = {vm.cid for vm in made.vms()}
        return dict(made.counters("calls:")), len(known ^ there) + abs(len(there) - instances), away


def _wanted(instances: int, width: int) -> dict[str, Any]:
    return goods.manifest({"web": instances}, width=width, watch=500)
