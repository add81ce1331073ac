"""Mistakes put into the director on purpose: each is caught within a few hundred random cases; without it, the same cases are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recovery.case import Models, case_of, wrongs_of
from tests.recovery.faults import FAULTS, put
from tests.recovery.long import be_quiet

MOST = 400


def caught(name: str, directory: Path, most: int = MOST) -> tuple[int, str]:
    """How many cases it took, and what was told; (0, '') when it was not caught."""
    be_quiet()
    right = Models(directory)
    for seed in range(most):
        case = case_of(seed, right)
        model = right.of(case.story)
        with put(name):
            wrongs = wrongs_of(case, Models.known(directory, case.story, model))
        if wrongs:
            return seed + 1, wrongs[0]
    return 0, ""


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_deliberate_fault_is_caught(name: str, tmp_path: Path) -> None:
    cases, told = caught(name, tmp_path)
    assert cases, f"{MOST} cases did not notice: {name}"
    print(f"{name}: caught by case {cases}: {told}")


def test_there_are_at_least_twenty() -> None:
    assert len(FAULTS) >= 20
