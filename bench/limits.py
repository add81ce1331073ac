"""How much of a cloud's rate limit a deploy uses, also when the limit halves in the middle, and how many of its calls are refused.

A director process creates VMs as fast as the simulated cloud lets it: create_vm at 8 calls per second, then at 4, which nobody tells the director.
The clock of the cloud's bucket says what could have been taken.
"""

from __future__ import annotations

import json
import time
from typing import Any

import yaml

from bench import goods
from bench.stage import BenchError, Stage, stage
from cpi.sim.limits import CHANGED

RATE, INSTANCES, WIDTH = 8.0, 320, 64
LATENCY = 1000
PROPERTIES: dict[str, Any] = {
    "latency": {"create_vm": LATENCY},
    "agents": {"heartbeat": 30, "linger": 5, "boot": 1000},
}
SETTLED = 10.0
"""Seconds after the start and after the change that are not counted: the limit is learned in them."""


def measure(*, quick: bool = False) -> dict[str, Any]:
    """``use`` and ``use_after_halving``: part of the limit, from 10 s after the start or the change; ``refused``: part of all calls."""
    rate, instances = (8.0, 48) if quick else (RATE, INSTANCES)
    settled = 0.5 if quick else SETTLED
    properties = {**PROPERTIES, "rate_limit": {"create_vm": {"per_second": rate, "burst": rate}}}
    with stage(properties, width=WIDTH) as made:
        wanted = goods.manifest({"web": instances}, width=WIDTH, watch=100)
        task = made.start("POST", "/deployments", yaml.safe_dump(wanted, sort_keys=False).encode())
        changed = _halve(made, instances // 2, rate)
        made.wait(task, 300)
        # a call was let in when its VM came to be, less what it took
        times = sorted(float(vm.body["created_at"]) - LATENCY / 1000 for vm in made.vms())  # type: ignore[arg-type]
        first = [one for one in times if one < changed]
        second = [one for one in times if one >= changed]
        calls, refused = made.counters("calls:")["create_vm"], made.counters("refused:")["create_vm"]
        return {
            "instances": instances,
            "per_second": [rate, rate / 2],
            "use": _use(first, first[0] + settled, changed, rate),
            "use_after_halving": _use(second, changed + settled, second[-1], rate / 2),
            "refused": round(refused / calls, 4),
            "calls": calls,
            "learned": [row for row in made.get("/director/limits") if row["method"] == "create_vm"],
        }


def _halve(made: Stage, after: int, rate: float) -> float:
    """Halve the limit once so many calls were let in; when that was."""
    deadline = time.monotonic() + 120
    while made.counters("calls:")["create_vm"] - made.counters("refused:")["create_vm"] < after:
        if time.monotonic() > deadline:
            raise BenchError(f"fewer than {after} VMs within two minutes")
        time.sleep(0.05)
    draft = made.cloud / "rate_limit.new"
    draft.write_text(json.dumps({"create_vm": {"per_second": rate / 2, "burst": rate / 2}}))
    draft.rename(made.cloud / CHANGED)
    return time.time()


def _use(times: list[float], begin: float, end: float, rate: float) -> float:
    used = sum(begin <= one < end for one in times)
    return round(used / (rate * (end - begin)), 3) if end > begin else 0.0
