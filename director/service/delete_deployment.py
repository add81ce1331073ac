"""Delete a deployment: its instances go, its disks are orphaned, its names are free again."""

from __future__ import annotations

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.model.actions import DeleteDeployment
from director.model.errors import NotFound
from director.model.plan import Plan, Stage, Unit
from director.model.rows import DeploymentRow, DiskRow, InstanceRow, SettingRow, VmRow
from director.plan import stages
from director.plan.changes import Options
from director.plan.sequences import Steps
from director.plan.world import World
from director.ports.store import Changes
from director.service.audit import audited
from director.service.durations import with_expected
from director.service.house import House
from director.service.problems import key_of


class DeleteRequest(Struct, frozen=True):
    """``force``: agents that do not answer are passed over."""

    deployment: str
    force: bool = False


async def run_delete_deployment(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_deployment``."""
    request = convert(context.task.request, DeleteRequest)
    name = request.deployment
    await context.lock(f"deployment/{name}")
    async with audited(house, context, "delete", "deployment", name):
        await context.carry_out(lambda: plan_delete(house, name, force=request.force))
    await context.commit(Changes(delete=((SettingRow, key_of(name)),)))
    return f"/deployments/{name}"


async def plan_delete(house: House, name: str, *, force: bool) -> Plan:
    """All instances at once, then what nobody uses, then the deployment's row."""
    store = house.store
    world = World(
        tuple(await store.find(InstanceRow, deployment=name)),
        tuple(await store.find(VmRow, deployment=name)),
        tuple(await store.find(DiskRow, deployment=name)),
    )
    if await store.get(DeploymentRow, name) is None and not world.instances and not world.vms:
        raise NotFound(f"Deployment '{name}' doesn't exist", code=70000)
    options = Options(force=force, width=house.max_threads)
    rows = [(row, world.disk_of(row.id)) for row in world.instances]
    made: list[Stage] = []
    going = stages.delete_stage(rows, "Deleting instances", options, width=house.max_threads, deployment_goes=True)
    if going:
        made.append(going)
    leftover = stages.leftover_stage(world.idle_vms(), world.idle_disks(), width=house.max_threads)
    if leftover:
        made.append(leftover)
    steps = Steps("forget")
    steps.add(DeleteDeployment(name=name), "forget the deployment")
    unit = Unit("forget", name, tuple(steps.list))
    made.append(Stage("forget", "Removing deployment artifacts", (unit,), needs=tuple(one.id for one in made)))
    return await with_expected(store, Plan(name, tuple(made), {"delete": len(rows)}))
