"""Diff: from what is wanted and what is, the plan. Every instance's unit carries its causes; nothing changed, nothing planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from director.model.deployment import Deployment, InstanceGroup
from director.model.instance import InstanceSpec
from director.model.plan import Cause, Plan, Stage
from director.plan import stages
from director.plan.changes import Options, Work, work_for
from director.plan.ids import Ids
from director.plan.world import Wanted, World


def diff(wanted: Wanted, world: World, options: Options, ids: Ids, held: Sequence[str] = ()) -> Plan:
    """The plan. ``held``: addresses in use anywhere, so that compilation VMs avoid them."""
    rows = {one.id: one for one in world.instances}
    work: list[Work] = []
    for spec in wanted.specs:
        group = _group(wanted.deployment, spec.group)
        row = rows.get(spec.id)
        work.append(
            work_for(spec, group, row, world.vm_of(row) if row else None, world.disk_of(spec.id), options, ids, wanted)
        )
    changing = [one for one in work if one.depth_name != "unchanged"]
    plan_stages: list[Stage] = []
    agents: list[str] = []
    leftover = stages.leftover_stage(world.idle_vms(), world.idle_disks(), width=options.width)
    if leftover:
        plan_stages.append(leftover)
    compile_stage = stages.compile_stage(wanted, ids, {*held, *_addresses(wanted.specs)}, agents)
    if compile_stage:
        plan_stages.append(compile_stage)
    obsolete = stages.delete_stage(
        [(row, world.disk_of(row.id)) for row in wanted.obsolete],
        "Deleting unneeded instances",
        options,
        width=options.width,
    )
    if obsolete:
        plan_stages.append(obsolete)
    create = stages.create_stage(
        [one for one in changing if one.creates],
        needs=tuple(one.id for one in (leftover, obsolete) if one),
        width=options.width,
    )
    if create:
        plan_stages.append(create)
    agents += [one.subject.new_agent_id for one in changing if one.subject.new_agent_id]
    first = tuple(one.id for one in plan_stages)
    plan_stages += stages.update_stages(wanted, changing, needs=first)
    touched = bool(plan_stages)
    plan_stages += stages.closing_stages(wanted, work, touched=touched, needs=tuple(one.id for one in plan_stages))
    counts = Counter(one.depth_name for one in work)
    counts["delete"] = len(wanted.obsolete)
    return Plan(
        deployment=wanted.deployment.name,
        stages=tuple(plan_stages),
        counts={name: counts[name] for name in ("create", "update", "recreate", "delete", "unchanged")},
        agents=tuple(agents),
    )


def causes_of(plan: Plan) -> dict[str, tuple[Cause, ...]]:
    """Causes by unit task, for those who show a plan."""
    return {
        unit.task: next((step.causes for step in unit.steps if step.causes), ())
        for stage in plan.stages
        for unit in stage.units
    }


def _group(deployment: Deployment, name: str) -> InstanceGroup:
    return next(one for one in deployment.instance_groups if one.name == name)


def _addresses(specs: Sequence[InstanceSpec]) -> set[str]:
    return {str(one["ip"]) for spec in specs for one in spec.vm.networks.values() if one.get("ip")}
