"""Ask the agents that a plan touches, and only those, whether they are there (settled: an unchanged deploy makes no agent call)."""

from __future__ import annotations

import asyncio

from director.model.errors import AgentError, AgentTimeout
from director.plan.changes import Options, Work, work_for
from director.plan.ids import Ids
from director.plan.world import Wanted, World
from director.service.house import House


async def unresponsive(house: House, wanted: Wanted, world: World, options: Options, *, fix: bool) -> frozenset[str]:
    """Ids of touched instances whose agent does not answer get_state; without ``fix`` that is an error (450002 or 450001)."""
    rows = {row.id: row for row in world.instances}
    groups = {group.name: group for group in wanted.deployment.instance_groups}
    touched: list[Work] = []
    for spec in wanted.specs:
        row = rows.get(spec.id)
        vm = world.vm_of(row) if row else None
        if vm is None or not vm.ready:
            continue  # an agent that never spoke has nothing to answer: its VM is made anew
        # ids drawn here are thrown away: the planner draws its own
        work = work_for(spec, groups[spec.group], row, vm, world.disk_of(spec.id), options, Ids("probe"), wanted)
        if work.depth_name != "unchanged":
            touched.append(work)
    gone = [row.id for row in wanted.obsolete if row.agent_id]

    async def silent(instance_id: str, agent_id: str) -> tuple[str, AgentError | None]:
        try:
            await house.agents.call(agent_id, "get_state", timeout=45 if not fix else 10)
        except AgentError as error:
            return instance_id, error
        return instance_id, None

    answers = await asyncio.gather(
        *(silent(one.subject.spec.id, one.subject.agent_id) for one in touched),
        *(silent(one, rows[one].agent_id) for one in gone),
    )
    errors = {instance: error for instance, error in answers if error is not None}
    if errors and not fix:
        instance, error = next(iter(errors.items()))
        name = rows[instance].name
        raise AgentTimeout(
            f"Timed out sending 'get_state' to instance: '{name}', agent-id: '{rows[instance].agent_id}' after 45 seconds ({error.message})",
            agent_id=rows[instance].agent_id,
            method="get_state",
        )
    return frozenset(errors)
