"""How much of a cloud's rate limit a deploy of 100 VMs uses, from its first create_vm to its last; the director is told nothing of the limit."""

from __future__ import annotations

from typing import Any

import yaml

from bench import goods
from bench.limits import LATENCY, PROPERTIES
from bench.stage import stage

RATE, INSTANCES, WIDTH = 4.0, 100, 50
BURST = 4.0
"""Calls that the cloud lets in at once; they are not counted, so that nothing is gained by them."""


def measure(*, quick: bool = False) -> dict[str, Any]:
    """``use``: calls let in beyond the burst, over those that the limit lets in from the first call to the last; ``refused``: part of all calls."""
    rate, instances = (8.0, 12) if quick else (RATE, INSTANCES)
    properties = {**PROPERTIES, "rate_limit": {"create_vm": {"per_second": rate, "burst": BURST}}}
    with stage(properties, width=WIDTH) as made:
        wanted = goods.manifest({"web": instances}, width=WIDTH, watch=100)
        task = made.start("POST", "/deployments", yaml.safe_dump(wanted, sort_keys=False).encode())
        made.wait(task, 180)
        times = sorted(float(vm.body["created_at"]) - LATENCY / 1000 for vm in made.vms())  # type: ignore[arg-type]
        calls, refused = made.counters("calls:")["create_vm"], made.counters("refused:")["create_vm"]
    return {
        "instances": instances,
        "per_second": rate,
        "use": round((len(times) - BURST) / (rate * (times[-1] - times[0])), 3),
        "refused": round(refused / calls, 4),
        "calls": calls,
    }
