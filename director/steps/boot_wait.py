"""Waiting for an agent: its answer ends the wait at once; a VM that is late is watched, and given up when a phase of its boot is silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from director.model.errors import AgentTimeout
from director.model.rows import VmRow
from director.steps.boot_phases import End, Look, Phase, Way
from director.steps.boot_report import gave_up
from director.steps.boot_watch import Eyes

if TYPE_CHECKING:
    from director.steps.step import Io

SLOWER, SLOWEST = 1.25, 15.0
CONFIRM = 2.0
"""Seconds until a VM that was seen off, or gone, is looked at again."""


async def until_ready(io: Io, row: VmRow, *, advice: str = "") -> None:
    """Ping until answered. `VmUnreachable` tells how far the VM came; ``advice`` is added to its remedy."""
    seconds, limits, began = io.site.agent_wait_timeout, io.site.boot_limits, io.clock.now()
    first = min(io.boots.first_look(row, limits), seconds)
    try:
        await io.agents.wait_until_ready(row.agent_id, first, log=io.log.debug)
    except AgentTimeout:
        await _watched(io, row, Way(began, limits), began + seconds, advice)
    io.boots.took(row, io.clock.now() - began)


async def _watched(io: Io, row: VmRow, way: Way, end: float, advice: str) -> None:
    """From when it is late until the ``end`` of all patience (epoch seconds)."""
    speaks = asyncio.ensure_future(io.agents.wait_until_ready(row.agent_id, max(0.05, end - io.clock.now())))
    looks = asyncio.ensure_future(_look_on(io, row, way))
    try:
        with io.boots.waiting(row):
            await asyncio.wait({speaks, looks}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if speaks.done():
                return speaks.result()
            why = looks.result()
        except AgentTimeout:
            why = None
    finally:
        speaks.cancel()
        looks.cancel()
        await asyncio.gather(speaks, looks, return_exceptions=True)
    waited = io.clock.now() - way.began if why is not None else io.site.agent_wait_timeout
    raise await gave_up(io, row, way, why, waited, advice)


async def _look_on(io: Io, row: VmRow, way: Way) -> End:
    """Look at the VM until there is a reason to give it up."""
    pause = io.site.boot_limits.interval
    eyes = Eyes(io.clouds, io.agents, io.clock, io.log.debug)
    told = Phase.SPEECH
    while True:
        look = await io.boots.look(eyes, row, fresh=pause * 0.8)
        if look.at > way.last.at:
            found = _see(io, row, way, look)
            if found is not None:
                return found
        if way.phase is not told:
            told = way.phase
            io.status(told.value)
        await io.clock.sleep(_pause(way, pause, io.clock.now()))
        pause = min(pause * SLOWER, SLOWEST)


def _see(io: Io, row: VmRow, way: Way, look: Look) -> End | None:
    before = way.phase
    found = way.see(look)
    if way.phase is not before or found is not None:
        io.log.debug(f"VM '{row.cid}': {way.phase.value}; {look.vm and look.vm.power}, bus: {look.bus}")
    return found


def _pause(way: Way, pause: float, now: float) -> float:
    """Shorter where something is about to be decided."""
    if way.doubtful:
        return min(pause, CONFIRM)
    limit = way.limit(way.phase)
    left = way.since + limit - now
    return max(0.5, min(pause, left)) if limit and left > 0 else pause
