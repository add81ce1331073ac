"""Named points in the life of a step, told to whoever watches; and rehearsing a crash at one of them.

With ``MERISTEM_KILL_AT=create_vm:after_effect:2`` the director kills itself with SIGKILL when the second create_vm has taken effect but its
result is not committed yet. It does so once: the file named by ``MERISTEM_KILL_MARK`` must not exist and is made just before. Operators use
it to see for themselves that an interrupted task goes on after the next start.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from director.model.errors import BadRequest
from director.model.plan import Step

BEFORE_INTENT = "before_intent"
AFTER_INTENT = "after_intent"
AFTER_EFFECT = "after_effect"
AFTER_RESULT = "after_result"
POINTS = (BEFORE_INTENT, AFTER_INTENT, AFTER_EFFECT, AFTER_RESULT)

Probe = Callable[[str, Step], Awaitable[None]]


async def quiet(point: str, step: Step) -> None:
    """Nobody watches."""


def kill_probe(spec: str, mark: Path) -> Probe:
    """Kills this process at ``<kind>:<point>[:<nth>]`` (nth from 1), unless ``mark`` exists."""
    kind, _, rest = spec.partition(":")
    point, _, nth = rest.partition(":")
    if not kind or point not in POINTS or (nth and not (nth.isdigit() and int(nth))):
        raise BadRequest(
            f"MERISTEM_KILL_AT is {spec!r}, expected <kind>:<point>[:<nth>] with a point of {', '.join(POINTS)}"
        )
    left = int(nth or 1)

    async def probe(at: str, step: Step) -> None:
        nonlocal left
        if (step.kind, at) != (kind, point):
            return
        left -= 1
        if left:
            return
        try:
            mark.open("x").close()
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return probe


def probe_of(environment: Mapping[str, str] = os.environ) -> Probe:
    """The probe that the environment asks for; `quiet` when it asks for none."""
    spec = environment.get("MERISTEM_KILL_AT")
    if not spec:
        return quiet
    mark = environment.get("MERISTEM_KILL_MARK")
    if not mark:
        raise BadRequest(
            "MERISTEM_KILL_AT needs MERISTEM_KILL_MARK: a file that does not exist yet, so that it strikes once"
        )
    return kill_probe(spec, Path(mark))
