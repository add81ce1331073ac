"""The director's memory with 2,000 instances: ``python -m bench.memory``.

Resident MiB of a real director process (SQLite; its CPI workers, Ruby and nats-server are other processes), with the most that it ever was from its
start on: just started; idle with the rows of 2,000 instances; after listings; after unchanged deploys of them, which plan all; and, in another
director, during the first deploy of 2,000 VMs: all is rendered and planned, and VMs are made 50 at a time, for half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from bench import goods, no_op, whole_no_op
from bench.stage import Stage, stage

INSTANCES, SECONDS, WIDTH = 2000, 30.0, 50
PROPERTIES: dict[str, Any] = {
    "latency": {"create_vm": {"uniform": [4000, 8000]}},
    "agents": {"heartbeat": 30, "linger": 5, "boot": {"uniform": [2000, 5000]}},
}


def measure(*, instances: int = INSTANCES, seconds: float = SECONDS) -> dict[str, Any]:
    """MiB: resident at each point, and the peaks."""
    return {"instances": instances, **unchanged(instances), **first(instances, seconds)}


def unchanged(instances: int) -> dict[str, Any]:
    """A director that has them."""
    with stage({"agents": False}) as here:
        started = here.resident()
        with here.halted():
            asyncio.run(whole_no_op.plant(here, instances))
        here.http.put("/resurrection", json={"resurrection_paused": True})
        time.sleep(12)  # the health monitor has looked
        idle = here.resident()
        for kind in ("instances", "vms"):
            here.get(f"/deployments/bench/{kind}")
        listed = here.resident()
        text = no_op.manifest(instances).encode()
        for _ in range(3):
            here.wait(here.start("POST", "/deployments", text), 120)
        planned = here.resident()
        time.sleep(15)  # what is free is given back when nothing runs
        return {
            "empty": round(started),
            "idle": round(idle),
            "after_listings": round(listed),
            "after_no_op": round(planned),
            "later": round(here.resident()),
            "peak_no_op": round(peak(here)),
        }


def first(instances: int, seconds: float) -> dict[str, Any]:
    """A director that makes them."""
    with stage(PROPERTIES, width=WIDTH) as here:
        wanted = goods.manifest({"web": instances}, width=WIDTH, watch=1)
        task = here.start("POST", "/deployments", yaml.safe_dump(wanted, sort_keys=False).encode())
        deadline = time.monotonic() + 120
        while not here.vms() and time.monotonic() < deadline:
            time.sleep(0.2)
        planned = peak(here)
        time.sleep(seconds)
        running = here.resident()
        here.http.delete(f"/task/{task}")
        return {
            "peak_first_plan": round(planned),
            "during_deploy": round(running),
            "peak_deploy": round(peak(here)),
            "vms_made_meanwhile": len(here.vms()),
        }


def peak(here: Stage) -> float:
    """The most MiB that were resident at once."""
    for line in Path(f"/proc/{here.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main(words: list[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="MiB of a director with many instances.")
    parser.add_argument("--instances", type=int, default=INSTANCES)
    options = parser.parse_args(words)
    print(json.dumps(measure(instances=options.instances), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
