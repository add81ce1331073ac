"""What a deploy would do: the plan with its causes, as the API shows it. Changes nothing."""

from __future__ import annotations

from typing import Any

from director.model.deployment import Document
from director.model.plan import Cause, Plan
from director.plan.causes import HIDDEN
from director.plan.forecast import Forecast, Guess, by_group, forecast, stays_down
from director.service.aside import aside
from director.service.house import House
from director.service.planning import prepare
from director.service.request import DeployRequest

_PRIVATE = {"properties", "links", "env"}


async def preview(house: House, request: DeployRequest, *, redact: bool = True) -> Document:
    """Stages, units, steps with causes, and counts."""
    prepared = await prepare(house, request, "preview", ask_agents=False)
    return await shown(prepared.plan, redact=redact)


async def shown(plan: Plan, *, redact: bool = True) -> Document:
    """`show`, beside the event loop when the plan is large."""
    return await aside(sum(len(stage.units) for stage in plan.stages), show, plan, redact=redact)


def show(plan: Plan, *, redact: bool = True) -> Document:
    """A plan as JSON for people and programs; arguments of steps stay inside. ``redact`` hides values of properties, links and env."""
    found = forecast(plan)
    stages = [
        {
            "title": stage.title,
            "tags": list(stage.tags),
            "width": stage.width,
            "units": [
                {
                    "title": unit.task,
                    "forecast": _guess(found.units[stage.id, unit.id]),
                    "downtime": _guess(found.downtime.get((stage.id, unit.id))),
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
    return {"stages": stages, "summary": dict(plan.counts), "forecast": told(plan, found)}


def told(plan: Plan, found: Forecast) -> Document:
    """``seconds``: expected wall time, None where nothing is known; ``likely``: what it should stay below; ``whole`` false: lower bounds, because
    ``unknown`` was never timed;
    ``waits`` of it are lower bounds of watch times. ``downtime`` by group: how many running instances go down, each for how long."""
    return {
        "seconds": _rounded(found.seconds),
        "likely": _rounded(found.likely),
        "whole": found.whole,
        "steps": found.steps,
        "timed": found.timed,
        "waits": _rounded(found.waits),
        "unknown": list(found.unknown),
        "downtime": [
            {
                "group": group,
                "instances": len(each),
                "seconds": _rounded(sum(one.seconds for one in each) / len(each)),
                "longest": _rounded(max(one.seconds for one in each)),
                "waits": _rounded(max(one.waits for one in each)),
                "whole": all(one.whole for one in each),
            }
            for group, each in by_group(plan, found.downtime).items()
        ],
        "down_for_good": sum(stays_down(unit) for stage in plan.stages for unit in stage.units),
    }


def _guess(one: Guess | None) -> Document | None:
    """``waits`` of the seconds are waits that policy asks for; ``whole`` false: something in it was never timed."""
    return one and {"seconds": _rounded(one.seconds), "waits": _rounded(one.waits), "whole": one.whole}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _cause(cause: Cause, *, redact: bool) -> Document:
    hidden = redact and not _PRIVATE.isdisjoint(cause.field.split("."))
    old, new = (HIDDEN if hidden and one is not None else _plain(one) for one in (cause.old, cause.new))
    return {"field": cause.field, "old": old, "new": new}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
