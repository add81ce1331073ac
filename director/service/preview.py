"""What a deploy would do: the plan with its causes, as the API shows it. Changes nothing."""

from __future__ import annotations

from typing import Any

from director.model.deployment import Document
from director.model.plan import Cause, Plan
from director.plan.causes import HIDDEN
from director.service.house import House
from director.service.planning import prepare
from director.service.request import DeployRequest

_PRIVATE = {"properties", "links", "env"}


async def preview(house: House, request: DeployRequest, *, redact: bool = True) -> Document:
    """Stages, units, steps with causes, and counts."""
    prepared = await prepare(house, request, "preview", ask_agents=False)
    return show(prepared.plan, redact=redact)


def show(plan: Plan, *, redact: bool = True) -> Document:
    """A plan as JSON for people and programs; arguments of steps stay inside. ``redact`` hides values of properties, links and env."""
    stages = [
        {
            "title": stage.title,
            "tags": list(stage.tags),
            "width": stage.width,
            "units": [
                {
                    "title": unit.task,
                    "steps": [
                        {
                            "kind": step.kind,
                            "title": step.title,
                            "causes": [_cause(one, redact=redact) for one in step.causes],
                        }
                        for step in unit.steps
                    ],
                }
                for unit in stage.units
            ],
        }
        for stage in plan.stages
    ]
    return {"stages": stages, "summary": dict(plan.counts)}


def _cause(cause: Cause, *, redact: bool) -> Document:
    hidden = redact and not _PRIVATE.isdisjoint(cause.field.split("."))
    old, new = (HIDDEN if hidden and one is not None else _plain(one) for one in (cause.old, cause.new))
    return {"field": cause.field, "old": old, "new": new}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
