"""What a deploy would do: the plan with its causes, as the API shows it. Changes nothing."""

from __future__ import annotations

from typing import Any

from director.model.deployment import Document
from director.model.plan import Plan
from director.service.house import House
from director.service.planning import prepare
from director.service.request import DeployRequest


async def preview(house: House, request: DeployRequest) -> Document:
    """Stages, units, steps with causes, and counts."""
    prepared = await prepare(house, request, "preview", ask_agents=False)
    return show(prepared.plan)


def show(plan: Plan) -> Document:
    """A plan as JSON for people and programs; arguments of steps stay inside."""
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
                            "causes": [
                                {"field": c.field, "old": _plain(c.old), "new": _plain(c.new)} for c in step.causes
                            ],
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


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
