"""Looking at VMs whose agents are late: one question per cloud and one to the bus for all that wait, and none while nobody is late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from director.model.boot import BootLimits
from director.model.errors import CloudError, CloudNotSupported, DirectorError
from director.model.rows import VmRow
from director.ports.agents import Agents
from director.ports.clock import Clock
from director.ports.cloud import Clouds, VmStatus
from director.steps.boot_phases import Look

REMEMBERED = 20
LATE = 1.5
"""An agent is late when it takes so many times as long as the slowest of the last ones."""


@dataclass(frozen=True)
class Eyes:
    """What a look needs; ``tell`` receives what went wrong with it."""

    clouds: Clouds
    agents: Agents
    clock: Clock
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Round:
    """One look at many VMs, begun at ``at``; it never fails."""

    at: float
    members: frozenset[str]
    task: asyncio.Task[dict[str, Look]]


class BootWatch:
    """One per director, shared by all its steps that wait for an agent."""

    def __init__(self) -> None:
        self._waiting: dict[str, VmRow] = {}
        self._rounds: dict[str, Round] = {}
        self._took: dict[tuple[str, tuple[str, str]], deque[float]] = {}

    def first_look(self, row: VmRow, limits: BootLimits) -> float:
        """Seconds after which the agent of this VM is late, by what others of its cloud and stemcell took."""
        known = self._took.get((row.cpi, row.stemcell))
        usual = max(limits.first_look, LATE * max(known)) if known else limits.first_look
        shortest = min((one for one in (limits.power, limits.address, limits.bus, limits.agent) if one), default=usual)
        return min(usual, shortest / 2)

    def took(self, row: VmRow, seconds: float) -> None:
        """An agent has spoken after so long."""
        self._took.setdefault((row.cpi, row.stemcell), deque(maxlen=REMEMBERED)).append(seconds)

    @contextmanager
    def waiting(self, row: VmRow) -> Generator[None]:
        """The VM takes part in looks meanwhile."""
        self._waiting[row.agent_id] = row
        try:
            yield
        finally:
            self._waiting.pop(row.agent_id, None)

    async def look(self, eyes: Eyes, row: VmRow, *, fresh: float) -> Look:
        """The newest look at a VM that is `waiting`: one not older than ``fresh`` seconds, made together with all others of its cloud."""
        while True:
            known = self._rounds.get(row.cpi)
            if known is not None:
                mine = row.agent_id in known.members
                if mine and (not known.task.done() or eyes.clock.now() - known.at < fresh):
                    return (await asyncio.shield(known.task))[row.agent_id]
                if not known.task.done():
                    await asyncio.wait({known.task})
                    continue
            rows = {key: one for key, one in self._waiting.items() if one.cpi == row.cpi} | {row.agent_id: row}
            task = asyncio.create_task(_look(eyes, row.cpi, rows), name=f"boot-watch-{row.cpi}")
            self._rounds[row.cpi] = Round(eyes.clock.now(), frozenset(rows), task)


async def _look(eyes: Eyes, cpi: str, rows: dict[str, VmRow]) -> dict[str, Look]:
    told: dict[str, VmStatus] = {}
    try:
        cloud = await eyes.clouds.get(cpi)
        told = await cloud.vm_status([row.cid for row in rows.values()])
    except CloudNotSupported:
        pass
    except CloudError as error:
        eyes.tell(f"the state of {len(rows)} VMs that boot is not known: {error.message}")
    seen = {agent_id: _addresses(row, told.get(row.cid)) for agent_id, row in rows.items()}
    try:
        bus = await eyes.agents.sightings(seen)
    except DirectorError as error:
        eyes.tell(f"whether agents are on the bus is not known: {error.message}")
        bus = {}
    at = eyes.clock.now()
    looks = {agent_id: Look(at, told.get(row.cid)) for agent_id, row in rows.items()}
    return {agent_id: Look(at, one.vm, bus[agent_id]) if agent_id in bus else one for agent_id, one in looks.items()}


def _addresses(row: VmRow, status: VmStatus | None) -> tuple[str, ...]:
    """Those that the cloud saw, and those that the VM was given."""
    given = (str(one["ip"]) for one in row.networks.values() if one.get("ip"))
    return tuple(dict.fromkeys((*(status.addresses or () if status else ()), *given)))
