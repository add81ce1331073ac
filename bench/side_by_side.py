"""What design choices are worth: the same deploy with agents polled each second, a process for each CPI call, barriers in list order, and all of it.

The deploy creates VMs in four groups that may be updated at the same time, in the simulated cloud of `PROPERTIES`. The switches are the bench's
(`bench.altered`, and a CPI executable in director.yml); the product has none of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import goods
from bench.stage import REPOSITORY, stage

GROUPS = ("api", "router", "cell", "worker")
WIDTH, PARALLEL, WATCH = 100, 25, 1000
PROPERTIES: dict[str, Any] = {
    "latency": {"create_vm": {"uniform": [6000, 10000]}, "set_vm_metadata": 300},
    "agents": {
        "heartbeat": 60,
        "linger": 5,
        "boot": {"uniform": [6000, 10000]},
        "latency": {"apply": {"uniform": [500, 1500]}, "run_script": 300, "start": 200},
    },
}
VARIANTS: dict[str, tuple[tuple[str, ...], bool]] = {
    "as_it_is": ((), False),
    "poll_each_second": (("--poll",), False),
    "process_per_call": ((), True),
    "barriers_in_list_order": (("--barriers",), False),
    "all_three": (("--poll", "--barriers"), True),
}
"""Switches of `bench.altered`, and whether CPI calls are processes."""


def measure(*, quick: bool = False, instances: int = 200) -> dict[str, Any]:
    """By variant: ``wall`` in s, ``times`` that of the product, and seconds of processor time by process."""
    instances = 8 if quick else instances
    limit = 90.0 if quick else 300.0 + 2.0 * instances
    found: dict[str, Any] = {"instances": instances}
    for name, (switches, one_shot) in VARIANTS.items():
        if quick and name not in ("as_it_is", "all_three"):
            continue
        wall, processor = _deploy(instances, switches, one_shot=one_shot, limit=limit, speed=20 if quick else 1)
        least = found["as_it_is"]["wall"] if "as_it_is" in found else wall
        found[name] = {"wall": round(wall, 2), "times": round(wall / least, 2), "processor": processor}
    return found


def _deploy(
    instances: int, switches: tuple[str, ...], *, one_shot: bool, limit: float, speed: float
) -> tuple[float, dict[str, float]]:
    share = [instances // len(GROUPS) + (place < instances % len(GROUPS)) for place in range(len(GROUPS))]
    words = (sys.executable, "-m", "bench.altered", *switches) if switches else ()
    with TemporaryDirectory(prefix="meristem-cpi-") as place:
        executable = _executable(Path(place)) if one_shot else ""
        with stage({**PROPERTIES, "speed": speed}, width=WIDTH, words=words, executable=executable) as made:
            before = made.processor()
            wanted = goods.manifest(dict(zip(GROUPS, share, strict=True)), width=PARALLEL, watch=WATCH)
            task = made.deploy(wanted, limit)
            began, ended = made.took(task)
            after = made.processor()
            return ended - began, {name: round(after[name] - before.get(name, 0.0), 1) for name in after}


def _executable(directory: Path) -> str:
    """The simulated cloud as any vendor's CPI: a program that answers one call."""
    path = directory / "cpi"
    path.write_text(f"#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} -m cpi.exec sim\n")
    path.chmod(0o755)
    return str(path)
