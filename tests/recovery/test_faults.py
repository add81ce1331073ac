"""Mistakes put into the director on purpose: each is caught, by random cases or, where it hides from most of them, by a sweep: one disturbance
moved through one scenario. Without the mistakes the same cases are right (`test_random`, `test_scenarios`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.recovery.case import Case, Models, case_of, wrongs_of
from tests.recovery.disturb import Disturbance
from tests.recovery.faults import FAULTS, put
from tests.recovery.long import be_quiet
from tests.recovery.scenarios import SCENARIOS

MOST = 150


class Sweep(Struct, frozen=True):
    """The disturbance at 1, 1 + ``step``, ... in the scenario; with a ``pace`` calls take time (`Case`)."""

    scenario: str
    disturbance: Disturbance
    step: int = 1
    second: bool = False
    pace: int = 0


FROZEN = Sweep("disk grows", Disturbance("freeze", 1, "store", 45), second=True)
KILLED = Sweep("disk grows", Disturbance("kill", 1, "store"))
SWEEPS = {
    "an attachment is told only afterwards": Sweep("disk grows", Disturbance("botch", 1, "cloud attach_disk")),
    "create disk always repeated": Sweep("disk grows", Disturbance("lose", 1, "cloud create_disk")),
    "create vm always repeated": Sweep("deploy", Disturbance("lose", 1, "cloud create_vm")),
    "lease checked once per step only": FROZEN,
    "lease not checked before calls": FROZEN,
    "lease not checked in commits": FROZEN,
    "lost answers taken for failures to be repeated": Sweep("deploy", Disturbance("lose", 1, "cloud create_vm")),
    "outcome in two commits": KILLED,
    "workers outlive their director": Sweep("deploy", Disturbance("kill", 1, "store"), step=3, pace=1),
}


def cases(name: str, models: Models) -> Iterator[Case]:
    sweep = SWEEPS.get(name)
    if sweep is None:
        yield from (case_of(seed, models) for seed in range(MOST))
        return
    scenario = next(one for one in SCENARIOS if one.name == sweep.scenario)
    one = sweep.disturbance
    for number in range(MOST):
        moved = Disturbance(one.kind, 1 + number * sweep.step, one.what, one.seconds)
        yield Case(scenario.story, scenario.deed, (moved,), second=sweep.second, pace=sweep.pace)


def caught(name: str, directory: Path) -> tuple[int, str]:
    """How many cases it took, and what was told; (0, '') when it was not caught."""
    be_quiet()
    right = Models(directory)
    for number, case in enumerate(cases(name, right), 1):
        model = right.of(case.story)
        with put(name):
            wrongs = wrongs_of(case, Models.known(directory, case.story, model))
        if wrongs:
            return number, wrongs[0]
    return 0, ""


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_deliberate_fault_is_caught(name: str, tmp_path: Path) -> None:
    number, told = caught(name, tmp_path)
    assert number, f"{MOST} cases did not notice: {name}"
    print(f"{name}: caught by case {number}: {told}")


def test_there_are_at_least_twenty() -> None:
    assert len(FAULTS) >= 20
