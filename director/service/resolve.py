"""Cloud check, second half: what was chosen for each problem becomes a plan, and after it post-deploy scripts run everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, convert, field
from msgspec.structs import replace

from director.engine.context import TaskContext
from director.manifest.load import load_deployment
from director.model.actions import RunScript
from director.model.deployment import UpdatePolicy
from director.model.errors import DirectorError
from director.model.plan import Plan, Stage, Unit
from director.model.rows import DeploymentRow, DiskRow, InstanceRow, Row, VmRow
from director.plan.ids import Ids
from director.plan.rollout import count
from director.plan.sequences import Steps
from director.ports.store import Changes
from director.service import configs
from director.service.alerts import USER
from director.service.audit import audited
from director.service.deploy import seed_of
from director.service.durations import with_expected
from director.service.house import House
from director.service.problems import MISSING_VM, UNRESPONSIVE, Problem, kept, open_problems
from director.service.repair import Repair, refusal, repair
from director.service.resurrection import resurrection_paused
from director.service.scan import lock_at_once, scan_vms
from director.service.targets import find_targets

REFUSED = (
    "refused"  # stages without units: what was not done, and why; stored with the plan, as a successor has to tell it
)


class ResolveRequest(Struct, frozen=True):
    """``resolutions``: problem id → name, None for the default one; ``widths``: group → how many at once (a number or ``N%``)."""

    deployment: str
    resolutions: dict[str, str | None]
    widths: dict[str, str] = field(default_factory=dict)


class ScanAndFixRequest(Struct, frozen=True):
    """``instances``: group → uuids or indexes."""

    deployment: str
    instances: dict[str, tuple[str, ...]]


async def run_resolve(house: House, context: TaskContext) -> str | None:
    """Handler of ``cck_apply``. Problems that are open no more are passed over."""
    request = convert(context.task.request, ResolveRequest)
    name = request.deployment
    await context.lock(f"deployment/{name}")

    async def make() -> Plan:
        problems = [one for one in await open_problems(house.store, name) if str(one.id) in request.resolutions]
        chosen = [(one, one.way(request.resolutions[str(one.id)])) for one in problems]
        return await _plan(house, context, name, chosen, request.widths)

    async with audited(house, context, "cck", "deployment", name):
        plan = await context.carry_out(make)
    before = await open_problems(house.store, name)
    left = [one for one in before if str(one.id) not in request.resolutions]
    await context.commit(kept(name, left))
    refused = _refused(plan)
    if refused:
        raise DirectorError("\n".join(refused), remedy="Scan again to see what is left")
    return f"{len(before) - len(left)} resolved"


async def run_scan_and_fix(house: House, context: TaskContext) -> str | None:
    """Handler of ``cck_scan_and_fix``: VMs that are missing or silent are made anew. Never waits for a deploy to end. What the health monitor
    asked for is not begun when resurrection was paused meanwhile."""
    request = convert(context.task.request, ScanAndFixRequest)
    name = request.deployment
    if context.task.user == USER and not context.resuming and await resurrection_paused(house):
        return "resurrection is paused"
    await (context.lock(f"deployment/{name}") if context.resuming else lock_at_once(house, context, name))

    async def make() -> Plan:
        rows: dict[str, InstanceRow] = {}
        for group, ids in request.instances.items():
            found = await find_targets(house.store, name, group, ids, with_vm=False) if ids else []
            rows |= {row.id: row for row in found}
        if not house.fix_stateful:
            rows = await _stateless(house, context, rows)
        problems = await scan_vms(house, context.log, list(rows.values()))
        return await _plan(house, context, name, [(one, "recreate_vm") for one in problems], {})

    async with audited(house, context, "scan_and_fix", "deployment", name):
        plan = await context.carry_out(make)
    for text in _refused(plan):
        context.log.warning(text)
    return "scan and fix complete"


def _refused(plan: Plan) -> list[str]:
    return [stage.title for stage in plan.stages if stage.id.startswith(f"{REFUSED}/")]


async def _stateless(house: House, context: TaskContext, rows: dict[str, InstanceRow]) -> dict[str, InstanceRow]:
    """Without those that hold an active disk (scan_and_fix.auto_fix_stateful_nodes is off)."""
    kept: dict[str, InstanceRow] = {}
    for id, row in rows.items():
        if any(disk.active for disk in await house.store.find(DiskRow, instance_id=id)):
            context.log.warning(f"{row.name} has a persistent disk and is left alone (auto_fix_stateful_nodes is off)")
        else:
            kept[id] = row
    return kept


async def _plan(
    house: House, context: TaskContext, name: str, chosen: Sequence[tuple[Problem, str]], widths: Mapping[str, str]
) -> Plan:
    policies = await _policies(house, name)
    ids = Ids(f"{house.site.uuid}/{seed_of(context.task)}")
    by_group: dict[str, list[Repair]] = {}
    silent: set[str] = set()
    refused: list[Stage] = []
    for problem, way in chosen:
        why = await refusal(house, problem, way, context.log.debug)
        if why:
            refused.append(Stage(f"{REFUSED}/{problem.id}", f"Error resolving problem '{problem.id}': {why}", ()))
            continue
        if way == "ignore" and problem.type in (MISSING_VM, UNRESPONSIVE):
            silent.add(problem.instance)
        if way in ("delete_vm", "delete_vm_reference"):
            silent.add(problem.instance)
        if way == "delete_vm_reference":
            await _forget_vm(house, context, problem)
            continue
        policy = policies.get(problem.group, UpdatePolicy())
        made = await repair(house, problem, way, ids, policy.update_watch_time)
        if made is not None:
            by_group.setdefault(problem.group, []).append(made)
    stages: list[Stage] = []
    for group in sorted(by_group, key=lambda one: list(policies).index(one) if one in policies else len(policies)):
        units = tuple(one.unit for one in by_group[group])
        policy = policies.get(group, UpdatePolicy())
        width = count(widths.get(group, policy.max_in_flight), len(units), least=1, name="max_in_flight")
        needs = (stages[-1].id,) if stages else ()
        stages.append(Stage(f"repair/{group}", "Applying problem resolutions", units, width, needs, (group,)))
    if stages:
        stages += await _post_deploy(house, name, silent, by_group, tuple(one.id for one in stages))
    agents = tuple(one.agent_id for made in by_group.values() for one in made if one.agent_id)
    return await with_expected(house.store, Plan(name, (*stages, *refused), {"recreate": len(agents)}, agents))


async def _policies(house: House, name: str) -> dict[str, UpdatePolicy]:
    """How each group is to be updated, in the manifest's order; none when the manifest cannot be read any more."""
    row = await house.store.get(DeploymentRow, name)
    if row is None or row.manifest is None:
        return {}
    try:
        cloud = configs.cloud_config(await configs.pinned(house.store, "cloud", row.cloud_config_ids))
        runtime = configs.runtime_configs(await configs.pinned(house.store, "runtime", row.runtime_config_ids))
        deployment = load_deployment(row.manifest, cloud, runtime)
    except DirectorError:
        return {}
    return {group.name: group.update for group in deployment.instance_groups}


async def _forget_vm(house: House, context: TaskContext, problem: Problem) -> None:
    """The rows alone; the cloud is not asked."""
    row = await house.store.get(InstanceRow, problem.resource)
    if row is None or not row.agent_id:
        return
    put: list[Row] = [replace(row, agent_id="")]
    await context.commit(Changes(put=put, delete=((VmRow, row.agent_id),)))
    await house.agents.expel([row.agent_id])


async def _post_deploy(
    house: House, name: str, silent: set[str], repaired: Mapping[str, Sequence[Repair]], needs: tuple[str, ...]
) -> list[Stage]:
    """Where something was made anew, post-deploy scripts run on all instances that have a VM."""
    if not any(one.agent_id for made in repaired.values() for one in made):
        return []
    anew = {one.instance for made in repaired.values() for one in made if one.agent_id}
    units: list[Unit] = []
    for row in await house.store.find(InstanceRow, deployment=name):
        has_vm = bool(row.agent_id) or row.id in anew
        if row.lifecycle != "service" or row.state != "started" or row.ignore or not has_vm or row.id in silent:
            continue
        steps = Steps(f"post-deploy/{row.id}")
        steps.add(RunScript(instance_id=row.id, script="post-deploy", tolerate=True), "run post-deploy")
        units.append(Unit(f"post-deploy/{row.id}", f"{row.name} ({row.index})", tuple(steps.list)))
    return [Stage("post-deploy", "Running post-deploy", tuple(units), width=32, needs=needs)] if units else []
