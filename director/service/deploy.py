"""Deploy: plan once, store the plan, run it; after a restart the stored plan goes on."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from director.engine.context import Planned, TaskContext
from director.model.rows import DeploymentRow, Task
from director.service.audit import audited
from director.service.house import House
from director.service.planning import Prepared, prepare
from director.service.request import DeployRequest
from director.service.sealing import prepare_sealed
from director.service.stage import StageLog


class DryRun(Exception):
    """Planning was all that was asked for."""


async def run_deploy(house: House, context: TaskContext) -> str | None:
    """Handler of ``update_deployment`` (deploy, and start/stop/restart/recreate)."""
    request = msgspec.convert(context.task.request, DeployRequest)
    name = request.deployment
    await context.lock(f"deployment/{name}")
    if request.dry_run:
        with suppress(DryRun):
            await context.carry_out(lambda: _plan(house, context, request))
        return f"/deployments/{name}"
    row = await house.store.get(DeploymentRow, name)
    action = "create" if row is None or row.manifest is None else "update"
    async with audited(house, context, action, "deployment", name):
        await context.carry_out(lambda: _plan(house, context, request))
    return f"/deployments/{name}"


async def _plan(house: House, context: TaskContext, request: DeployRequest) -> Planned:
    """The plan and what it refers to. A dry run ends here, having changed nothing."""
    stage = StageLog(context.log, "Preparing deployment")
    async with stage.task("Preparing deployment"):
        if request.sealed is not None:
            prepared = await prepare_sealed(house, request, request.sealed, context.task.id, context.log)
        else:
            prepared = await prepare(house, request, seed_of(context.task), log=context.log)
    if request.dry_run:
        raise DryRun
    await store_blobs(house, prepared)
    return Planned(prepared.plan, prepared.changes)


async def store_blobs(house: House, prepared: Prepared) -> None:
    """The rendered archives, by the ids that the plan names."""
    for archive in prepared.archives:
        if not await house.blobs.exists(archive.blob_id):
            await house.blobs.put_bytes(archive.data, blob_id=archive.blob_id)


def seed_of(task: Task) -> str:
    """What a task's ids are derived from."""
    return f"task/{task.id}"
