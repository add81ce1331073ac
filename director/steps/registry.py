"""Step kinds by name. A kind's class is found in the module of the same name (imported when first needed)."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from director.model.actions import read
from director.model.plan import Step
from director.steps.step import StepRun


@cache
def step_class(kind: str) -> type[StepRun[Any]]:
    """The class for a kind: the one subclass of `StepRun` in ``director.steps.<kind>`` whose ``kind`` is this."""
    module = importlib.import_module(f"director.steps.{kind}")
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, StepRun) and getattr(value, "kind", "") == kind:
            return value
    raise LookupError(f"director.steps.{kind} defines no step of kind {kind}")


def load(step: Step) -> StepRun[Any]:
    """The runnable form of a stored step."""
    return step_class(step.kind)(read(step))
