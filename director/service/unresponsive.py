"""Ask the agents that a plan touches, or that have fallen silent, whether they are there (an unchanged deploy makes no agent call)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from director.model.errors import AgentError, AgentTimeout
from director.model.rows import InstanceRow
from director.plan.changes import Options, work_for
from director.plan.ids import Ids
from director.plan.world import Wanted, World
from director.ports.task_log import TaskLog
from director.service.house import House

STALE = 180.0  # seconds: three heartbeats were missed
PATIENCE, PATIENCE_TO_FIX = 45.0, 10.0


async def unresponsive(
    house: House, wanted: Wanted, world: World, options: Options, *, fix: bool, log: TaskLog | None = None
) -> frozenset[str]:
    """Ids of instances whose agent does not answer get_state; without ``fix`` that is an error (450002 or 450001).

    Asked are those that the plan touches, those whose heartbeat is stale, and with ``fix`` all; ignored instances never.
    """
    rows = {row.id: row for row in world.instances}
    groups = {group.name: group for group in wanted.deployment.instance_groups}
    asked: dict[str, str] = {row.id: row.agent_id for row in wanted.obsolete if row.agent_id}
    for spec in wanted.specs:
        row = rows.get(spec.id)
        vm = world.vm_of(row) if row else None
        if row is None or row.ignore or vm is None or not vm.ready:
            continue  # an agent that never spoke has nothing to answer: its VM is made anew
        group = groups[spec.group]
        if options.only and group.name not in options.only:
            continue
        if not fix and not _silent(house, vm.agent_id):
            # ids drawn here are thrown away: the planner draws its own
            work = work_for(spec, group, row, vm, world.disk_of(spec.id), options, Ids("probe"), wanted)
            if work.depth_name == "unchanged":
                continue
        asked[spec.id] = vm.agent_id
    seconds = PATIENCE_TO_FIX if fix else PATIENCE
    answers = await asyncio.gather(*(_ask(house, agent_id, seconds, log) for agent_id in asked.values()))
    errors = {instance: error for instance, error in zip(asked, answers, strict=True) if error is not None}
    if errors and not fix:
        raise _refusal(errors, rows)
    return frozenset(errors)


def _silent(house: House, agent_id: str) -> bool:
    """Whether its heartbeats have stopped. None at all says nothing: the director may have just started."""
    last = house.agents.heartbeat(agent_id)
    return last is not None and house.clock.now() - float(last.get("received_at") or 0) > STALE


async def _ask(house: House, agent_id: str, seconds: float, log: TaskLog | None) -> AgentError | None:
    try:
        await house.agents.call(agent_id, "get_state", timeout=seconds, log=log.debug if log else None)
    except AgentError as error:
        return error
    return None


def _refusal(errors: Mapping[str, AgentError], rows: Mapping[str, InstanceRow]) -> AgentError:
    """The first error in the contract's words; the others are named after it."""
    instance, error = next(iter(errors.items()))
    row = rows[instance]
    who = f"instance: '{row.name}', agent-id: '{row.agent_id}'"
    others = ", ".join(rows[one].name for one in list(errors)[1:])
    if isinstance(error, AgentTimeout):
        kind, message = AgentTimeout, f"Timed out sending 'get_state' to {who} after {PATIENCE:g} seconds"
    else:
        kind, message = AgentError, f"Error sending 'get_state' to {who}: {error.message}"
    refusal = kind(message, agent_id=row.agent_id, method="get_state")
    also = f"Nor did {others} answer. " if others else ""
    refusal.remedy = f"{also}Deploy with --fix to recreate what does not answer, or ignore the instance"
    return refusal
