"""What a CPI call costs over the cloud's own time: in a warm worker, and with a process for each call.

Both clients talk to the same plugin (the simulated cloud) and ask the same question, whose answer takes a fixed time there.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.stage import REPOSITORY
from cpi.bridge import ExecutableClient
from cpi.client import CpiClient, WorkerClient

CALLS = 200
LATENCY = 50
"""Milliseconds that the cloud takes for each call."""


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Milliseconds over the cloud's own ``latency``, by client: ``median``, ``p99`` and ``most`` of ``calls``; ``times``: median over median."""
    return asyncio.run(_measure(5 if quick else CALLS))


async def _measure(calls: int) -> dict[str, Any]:
    with TemporaryDirectory(prefix="meristem-bench-") as scratch:
        directory = Path(scratch)
        config = directory / "sim.json"
        properties = {"state_dir": str(directory / "cloud"), "latency": {"default": LATENCY}}
        config.write_text(json.dumps({"cloud": {"plugin": "sim", "properties": properties}}))
        program = directory / "cpi"
        program.write_text(f"#!/bin/sh\ncd {REPOSITORY}\nexec {sys.executable} -m cpi.exec sim --config {config}\n")
        program.chmod(0o755)
        warm = await _over(WorkerClient("sim", config=config), calls)
        apart = await _over(ExecutableClient(program), calls)
    return {
        "latency": LATENCY,
        "calls": calls,
        "warm": warm,
        "process_per_call": apart,
        "times": round(apart["median"] / warm["median"], 1),
    }


async def _over(client: CpiClient, calls: int) -> dict[str, float]:
    await client.start()
    try:
        times: list[float] = []
        for number in range(calls + 1):
            began = time.perf_counter()
            await client.call("has_vm", ["no-such-vm"], {"director_uuid": "bench", "request_id": f"cpi-{number}"})
            times.append((time.perf_counter() - began) * 1000 - LATENCY)
    finally:
        await client.close()
    del times[0]  # it makes the inventory
    return {
        "median": round(statistics.median(times), 2),
        "p99": round(sorted(times)[int(len(times) * 0.99) - 1], 2),
        "most": round(max(times), 2),
    }
