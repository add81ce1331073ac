"""A plan: stages of units of steps, each step with its causes. Pure data; it is stored before anything is done.

Stages run when the stages they need have ended; inside a stage at most ``width`` units run at once, a unit when the units it needs have
ended; inside a unit the steps run one after the other. A failed unit lets those in flight finish and starts nothing more.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from director.model.deployment import Document


class Cause(Struct, frozen=True):
    """Why a step is there: a field, its old and its new value (shortened, never a secret)."""

    field: str
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        if self.old is None and self.new is None:
            return self.field
        if self.old is None:
            return f"{self.field}: {self.new}"
        return f"{self.field}: {self.old} → {'none' if self.new is None else self.new}"


class Step(Struct, frozen=True):
    """One step: ``kind`` names a file of `director.steps`; ``args`` are that step's typed arguments as plain data.

    ``id`` is unique in the plan and stable: the journal refers to it. ``seconds``: how long it should take, as far as is known,
    and ``high``: what it should stay below nine times in ten.
    """

    id: str
    kind: str
    title: str
    args: Document = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    seconds: float | None = None
    high: float | None = None


class Unit(Struct, frozen=True):
    """Steps of one instance (or package, or disk), in order. ``task`` is the line users see: ``web/uuid (0) (canary)``."""

    id: str
    task: str
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Stage(Struct, frozen=True):
    """``title`` is the event log's stage, e.g. ``Updating instance``; ``needs`` are ids of stages that must end first."""

    id: str
    title: str
    units: tuple[Unit, ...]
    width: int = 1
    needs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """``agents`` are the identities the bus must admit before the first step; ``counts`` has create, update, recreate, delete, unchanged."""

    deployment: str
    stages: tuple[Stage, ...]
    counts: dict[str, int] = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    inputs: str = ""

    @property
    def empty(self) -> bool:
        return not any(unit.steps for stage in self.stages for unit in stage.units)
