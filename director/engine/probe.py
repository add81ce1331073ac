"""Named points in the life of a step, told to whoever watches; and rehearsing a crash at one of them.

With ``MERISTEM_KILL_AT=create_vm:after_effect:2`` the director kills itself with SIGKILL when the second create_vm has taken effect but its
result is not committed yet. It does so once: the file named by ``MERISTEM_KILL_MARK`` gets a line with the place and the step just before, and
a place that has its line there is passed over. Several places are separated by commas; each start then dies at the first that it meets.
Operators use it to see for themselves that an interrupted task goes on after the next start.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
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


@dataclass
class _Place:
    """One place to die at, and how many times it is still passed before."""

    spec: str
    kind: str
    point: str
    left: int


def kill_probe(specs: str, mark: Path) -> Probe:
    """Kills this process at ``<kind>:<point>[:<nth>]`` (nth from 1), several separated by commas; not at those that ``mark`` lists already."""
    struck = {line.split()[0] for line in mark.read_text().splitlines() if line} if mark.exists() else set[str]()
    places = [place for place in map(_place, specs.split(",")) if place.spec not in struck]

    async def probe(at: str, step: Step) -> None:
        for place in places:
            if (step.kind, at) != (place.kind, place.point):
                continue
            place.left -= 1
            if place.left == 0:
                with mark.open("a") as file:
                    file.write(f"{place.spec} {step.id}\n")
                os.kill(os.getpid(), signal.SIGKILL)

    return probe


def _place(spec: str) -> _Place:
    kind, _, rest = spec.partition(":")
    point, _, nth = rest.partition(":")
    if not kind or point not in POINTS or (nth and not (nth.isdigit() and int(nth))):
        raise BadRequest(
            f"MERISTEM_KILL_AT is {spec!r}, expected <kind>:<point>[:<nth>] with a point of {', '.join(POINTS)}"
        )
    return _Place(spec, kind, point, int(nth or 1))


def probe_of(environment: Mapping[str, str] = os.environ) -> Probe:
    """The probe that the environment asks for; `quiet` when it asks for none."""
    specs = environment.get("MERISTEM_KILL_AT")
    if not specs:
        return quiet
    mark = environment.get("MERISTEM_KILL_MARK")
    if not mark:
        raise BadRequest(
            "MERISTEM_KILL_AT needs MERISTEM_KILL_MARK: a file that keeps where it has struck, so that it strikes there once"
        )
    return kill_probe(specs, Path(mark))
