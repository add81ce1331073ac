"""The unchanged deploy through a whole director: ``python -m bench.whole_no_op``.

The rows of a first deploy are planted as `bench.no_op` makes them, in the SQLite file of a real director. Then ``meristem deploy`` is called as an
operator does (diff, plan, task, its output followed), and the task alone over HTTP. ``task`` is the time from its beginning to its end by the
director's clock, ``processor`` what the director computed for it, ``asked`` the time from the request until the answer that it is done, ``cli`` that of the whole command. Calls to the CPI are counted by the simulated cloud, those to agents in the
task's debug output. ``loop`` tells how late the director's event loop was meanwhile, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import no_op
from bench.api import loop_of
from bench.stage import PASSWORD, REPOSITORY, USER, Stage, stage
from director.adapters.blobs.folder import FolderBlobs
from director.adapters.clock import SystemClock
from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.cloud import MemoryClouds
from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.store.sql import open_store
from director.adapters.templates.erb import ErbTemplates
from director.service.house import House
from director.service.planning import prepare
from director.service.request import DeployRequest
from director.steps.step import Site

TRIES = 3
WORDS = (sys.executable, "-m", "bench.watched")


def measure(instances: int, *, tries: int = TRIES) -> dict[str, Any]:
    """Seconds (the median of the tries), calls, lateness of the loop and memory for one size."""
    with stage({"agents": False}, words=WORDS) as here:
        with here.halted():
            asyncio.run(plant(here, instances))
        here.http.put("/resurrection", json={"resurrection_paused": True})
        file = here.directory / "manifest.yml"
        file.write_text(no_op.manifest(instances))
        before = here.counters("calls:")
        _cli(here, file)  # the first one warms up what is read once
        loop_of(here)
        cli = sorted(_cli(here, file) for _ in range(tries))
        asked, took, talks = [list[float](), list[float](), 0]
        spent = here.processor()["director"]
        for _ in range(tries):
            began = time.perf_counter()
            task = here.start("POST", "/deployments", file.read_bytes())
            here.wait(task, 120, pause=0.05)
            asked.append(time.perf_counter() - began)
            start, end = here.took(task)
            took.append(end - start)
            talks += here.http.get(f"/tasks/{task}/output", params={"type": "debug"}).text.count('"reply_to"')
        spent = here.processor()["director"] - spent
        return {
            "instances": instances,
            "processor_seconds": round(spent / tries, 3),
            "task_seconds": round(sorted(took)[tries // 2], 3),
            "asked_seconds": round(sorted(asked)[tries // 2], 3),
            "cli_seconds": round(cli[tries // 2], 3),
            "cpi_calls": sum((here.counters("calls:") - before).values()),
            "agent_calls": talks,
            "loop": loop_of(here),
            "director_mib": round(here.resident(), 1),
        }


async def plant(here: Stage, instances: int) -> None:
    """What the first deploy leaves, in the director's own database and blobs."""
    state = here.directory / "state"
    store = await open_store(here.database)
    clouds, clock, templates = MemoryClouds(), SystemClock(), ErbTemplates()
    house = House(
        store=store,
        clouds=clouds,
        agents=MemoryAgents(clouds, clock),
        blobs=FolderBlobs(state / "blobs"),
        secrets=StoreSecrets(store, state / "secrets.key", "bench"),
        templates=templates,
        clock=clock,
        site=Site(name="bench", uuid="bench", mbus="nats://127.0.0.1"),
        spool=here.directory,
    )
    try:
        await no_op.furnish(house)
        request = DeployRequest("bench", no_op.manifest(instances))
        await no_op.settle(house, await prepare(house, request, "task/1", ask_agents=False))
    finally:
        await templates.close()
        await store.close()


def _cli(here: Stage, manifest: Path) -> float:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BOSH_", "MERISTEM_"))}
    environment |= {
        "BOSH_ENVIRONMENT": str(here.http.base_url).rstrip("/"),
        "BOSH_CA_CERT": str(here.directory / "api.pem"),
        "BOSH_CLIENT": USER,
        "BOSH_CLIENT_SECRET": PASSWORD,
        "HOME": str(here.directory),
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "meristem.cli.main", "-n", "-d", "bench", "deploy", str(manifest)],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"meristem deploy failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return took


def main(words: list[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="Seconds of an unchanged deploy, from end to end.")
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 2000])
    options = parser.parse_args(words)
    print(json.dumps([measure(size) for size in options.sizes], indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
