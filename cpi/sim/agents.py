"""`python -m cpi.sim.agents --config FILE`: one process that is the agents of all VMs of a simulated cloud.

FILE holds the plugin's properties as JSON. The plugin starts it by itself where the property `agents` is set.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop

from cpi import lock
from cpi.contract import CpiError, Json
from cpi.sim import nudge
from cpi.sim.agent import Agent
from cpi.sim.config import Config
from cpi.sim.house import House
from cpi.sim.inventory import FILE
from cpi.sim.launch import LOCK

log = logging.getLogger(__name__)
LOCK_WAIT = 2.0
GLANCE = 1.0
"""Seconds after which the inventory's version is looked at although nobody said that it had changed."""
GATHER = 0.005
ENDING = 1.0
EXIT_LOCKED = 75


class Population:
    """Agents by VM: those of new VMs begin, those of VMs that are gone end, those of rebooted ones begin anew."""

    def __init__(self, config: Config, config_path: Path) -> None:
        self._path = config_path
        self._read_at = config_path.stat().st_mtime_ns
        self._house = House(config)
        self._agents: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._ends: float | None = None

    async def run(self) -> None:
        """Until cancelled, until the cloud is removed, or for some time after the last VM."""
        loop, directory = asyncio.get_running_loop(), self._house.config.state_dir
        heard = nudge.listen(directory)

        def on_nudge() -> None:
            with contextlib.suppress(BlockingIOError):
                while heard.recv(64):
                    pass
            self._wake.set()

        loop.add_reader(heard, on_nudge)
        idle_since, seen = loop.time(), -1
        try:
            while True:
                self._reload()
                version = self._house.inventory.version()
                if not self._house.inventory.is_current():
                    return  # the cloud was removed; a new one in its place has agents of its own
                if version != seen or self._wake.is_set() or self._something_ends():
                    seen = version
                    self._wake.clear()
                    await self._settle()
                if self._agents:
                    idle_since = loop.time()
                elif loop.time() - idle_since >= self._house.agents.linger:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GLANCE):
                        await self._wake.wait()
                        await asyncio.sleep(GATHER)
        finally:
            loop.remove_reader(heard)
            heard.close()

    async def close(self) -> None:
        """End all agents."""
        for _, task in self._agents.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._agents.values()), return_exceptions=True)
        await self._house.uploads.close()
        self._house.inventory.close()

    def empty(self) -> bool:
        """Whether the cloud has no VM."""
        with self._house.inventory.transaction() as books:
            return not books.generations("vm")

    def _reload(self) -> None:
        with contextlib.suppress(OSError):
            changed = self._path.stat().st_mtime_ns
            if changed != self._read_at:
                self._read_at = changed
                self._house.config = read(self._path)

    def _something_ends(self) -> bool:
        return self._ends is not None and self._house.now() >= self._ends

    async def _settle(self) -> None:
        with self._house.inventory.transaction() as books:
            books.sweep(self._house.now())
            present = books.generations("vm")
            self._ends = books.next_end()
            fresh = [cid for cid, known in present.items() if self._agents.get(cid, (0, None))[0] != known]
            vms = [vm for vm in (books.get("vm", cid) for cid in fresh) if vm is not None]
        ended = [cid for cid, (known, _) in self._agents.items() if present.get(cid) != known]
        going = [self._agents.pop(cid)[1] for cid in ended]
        await _end(going)
        for vm in vms:
            task = asyncio.ensure_future(Agent(vm, self._house).run())
            task.add_done_callback(_complain)
            self._agents[vm.cid] = (vm.generation, task)


async def _end(agents: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them; one that is caught in the client's own farewell to a server that hangs up is not waited for: others want to boot."""
    for task in agents:
        task.cancel()
    if agents:
        _, late = await asyncio.wait(agents, timeout=ENDING)
        for task in late:
            task.cancel()
            log.warning("%s does not end", task.get_name())


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("an agent ended unexpectedly", exc_info=task.exception())


def read(path: Path) -> Config:
    """The configuration of a file of properties; CloudError tells what is wrong with it."""
    return Config.parse(cast(Json, json.loads(path.read_text())))


async def _main(config: Config, path: Path) -> bool:
    """True if VMs came while it was about to end."""
    population = Population(config, path)
    work = asyncio.ensure_future(population.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return False
    finally:
        await population.close()
    return True


def _serve(config: Config, path: Path) -> int:
    while True:
        held = lock.acquire(config.state_dir / LOCK, LOCK_WAIT)
        if held is None:
            sys.stderr.write(f"{config.state_dir / LOCK}: the agents of this cloud run already\n")
            return EXIT_LOCKED
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            by_itself = runner.run(_main(config, path))
        lock.release(held)
        # A VM may have come in the moment before the lock was free, and its maker seen it held.
        if not by_itself or not (config.state_dir / FILE).exists() or Population(config, path).empty():
            return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cpi.sim.agents", description="Agents of a simulated cloud.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the sim plugin's properties")
    parser.add_argument("--verbose", action="store_true", help="log each connection")
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    try:
        config = read(options.config)
    except (OSError, ValueError, CpiError) as error:
        sys.stderr.write(f"{options.config}: {error}\n")
        return 1
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _serve(config, options.config)


if __name__ == "__main__":
    sys.exit(main())
