"""Diff: from what is wanted and what is, the plan. Every instance's unit carries its causes; nothing changed, nothing planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from director.model.instance import InstanceSpec
from director.model.plan import Plan, Stage
from director.model.rows import DiskRow, InstanceRow
from director.plan import stages
from director.plan.changes import Options, Work, work_for
from director.plan.compare import Depth
from director.plan.compilation import compile_stage
from director.plan.ids import Ids
from director.plan.world import Wanted, World


def diff(wanted: Wanted, world: World, options: Options, ids: Ids, held: Sequence[str] = ()) -> Plan:
    """The plan. ``held``: addresses in use anywhere, so that compilation VMs avoid them."""
    groups = {one.name: one for one in wanted.deployment.instance_groups}
    rows = {one.id: one for one in world.instances}
    work: list[Work] = []
    for spec in wanted.specs:
        row = rows.get(spec.id)
        vm = world.vm_of(row) if row else None
        work.append(work_for(spec, groups[spec.group], row, vm, world.disk_of(spec.id), options, ids, wanted))
    changing = [one for one in work if one.depth_name != "unchanged"]
    taken = {*held, *wanted.avoid, *_addresses(wanted.specs)}
    agents: list[str] = []
    leftover = stages.leftover_stage(world.idle_vms(), world.idle_disks(), width=options.width)
    compiling = compile_stage(wanted, ids, taken, agents)
    first, surplus = _going(wanted, world)
    obsolete = stages.delete_stage(
        first, "Deleting unneeded instances", options, width=options.width, needs=_ids(leftover)
    )
    creating = [one for one in changing if one.creates or one.swaps]
    create = stages.create_stage(creating, needs=_ids(leftover, obsolete), width=options.width)
    agents += [one.subject.new_agent_id for one in changing if one.subject.new_agent_id]
    begun = [one for one in (leftover, compiling, obsolete, create) if one]
    updates = stages.update_stages(wanted, changing, surplus, options, needs=_ids(*begun))
    before = [*begun, *updates]
    touched = bool(wanted.obsolete) or any(one.change.depth > Depth.TAGS for one in changing)
    closing = stages.closing_stages(wanted, work, options, touched=touched, needs=_ids(*before))
    counts = Counter(one.depth_name for one in work)
    counts["delete"] = len(wanted.obsolete)
    return Plan(
        deployment=wanted.deployment.name,
        stages=(*before, *closing),
        counts={name: counts[name] for name in ("create", "update", "recreate", "delete", "unchanged")},
        agents=tuple(agents),
    )


Going = tuple[InstanceRow, DiskRow | None]


def _going(wanted: Wanted, world: World) -> tuple[list[Going], dict[str, list[Going]]]:
    """Instances that go before anything is made: those of groups that go, and those whose address another gets. The rest, by group, goes
    when its group has its turn."""
    groups = {one.name for one in wanted.deployment.instance_groups}
    addresses = _addresses(wanted.specs)
    first: list[Going] = []
    surplus: dict[str, list[Going]] = {}
    for row in wanted.obsolete:
        going = (row, world.disk_of(row.id))
        vm = world.vm_of(row)
        networks = [vm.networks if vm else {}, row.applied.vm.networks if row.applied else {}]
        own = {str(one.get("ip")) for each in networks for one in each.values()}
        if row.group in groups and not own & addresses:
            surplus.setdefault(row.group, []).append(going)
        else:
            first.append(going)
    return first, surplus


def _ids(*stages: Stage | None) -> tuple[str, ...]:
    return tuple(one.id for one in stages if one)


def _addresses(specs: Sequence[InstanceSpec]) -> set[str]:
    return {str(one["ip"]) for spec in specs for one in spec.vm.networks.values() if one.get("ip")}
