"""Delete what is uploaded or orphaned: releases, stemcells, disks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.model.actions import Action, DeleteDisk, DeleteStemcell, OrphanDisk
from director.model.briefs import DeploymentBrief
from director.model.errors import BadRequest, NotFound
from director.model.plan import Plan, Stage, Unit
from director.model.rows import DiskRow, ReleaseRow, StemcellRow
from director.plan.sequences import Steps
from director.ports.store import Changes
from director.service.audit import audit
from director.service.house import House
from director.service.stage import StageLog
from meristem.formats import versions


class DeleteReleaseRequest(Struct, frozen=True):
    """``version`` empty: all versions."""

    name: str
    version: str = ""
    force: bool = False


class DeleteStemcellRequest(Struct, frozen=True):
    """One stemcell version, in all its CPIs."""

    name: str
    version: str
    force: bool = False


class DiskRequest(Struct, frozen=True):
    """A disk by CID; ``orphan``: give it to nobody instead of deleting it."""

    cid: str
    orphan: bool = False


async def run_delete_release(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_release``; refused (30007) while a deployment uses it."""
    request = convert(context.task.request, DeleteReleaseRequest)
    rows = await house.store.find(ReleaseRow, name=request.name)
    if not rows:
        raise NotFound(f"Release '{request.name}' doesn't exist", code=30005)
    if request.version:
        version = versions.resolve(request.version, [row.version for row in rows])
        chosen = [row for row in rows if row.version == version]
        if not chosen:
            raise NotFound(f"Release version '{request.name}/{request.version}' doesn't exist", code=30006)
    else:
        chosen = rows
    for row in chosen:
        users = [one.name for one in await house.store.find(DeploymentBrief) if (row.name, row.version) in one.releases]
        if users:
            raise BadRequest(
                f"Release '{row.key}' is still in use by: {', '.join(users)}",
                code=30007,
                remedy="Delete those deployments first",
            )
    await delete_releases(house, context, StageLog(context.log, "Deleting release versions", len(chosen)), chosen)
    return f"release '{request.name}{'/' + request.version if request.version else ''}' deleted"


async def delete_releases(house: House, context: TaskContext, stage: StageLog, rows: Sequence[ReleaseRow]) -> None:
    """Their rows, and the blobs that no other release version has."""
    going = {row.key for row in rows}
    kept = {blob for row in await house.store.find(ReleaseRow) if row.key not in going for blob in _blobs(row)}
    for row in rows:
        async with stage.task(row.key):
            await context.commit(Changes(delete=((ReleaseRow, row.key),)))
            for blob in _blobs(row) - kept:
                await house.blobs.delete(blob)
            await audit(house, context, "delete", "release", row.key)


async def run_delete_stemcell(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_stemcell``; refused (50004) while a deployment uses it."""
    request = convert(context.task.request, DeleteStemcellRequest)
    name = f"{request.name}/{request.version}"
    await context.carry_out(lambda: _plan_stemcell(house, request))
    await audit(house, context, "delete", "stemcell", name)
    return f"/stemcells/{name}"


async def _plan_stemcell(house: House, request: DeleteStemcellRequest) -> Plan:
    name = f"{request.name}/{request.version}"
    rows = [row for row in await house.store.find(StemcellRow, name=request.name) if row.version == request.version]
    if not rows:
        raise NotFound(f"Stemcell '{name}' doesn't exist", code=50003)
    pair = (request.name, request.version)
    users = [one.name for one in await house.store.find(DeploymentBrief) if pair in one.stemcells]
    if users:
        raise BadRequest(
            f"Stemcell '{name}' is still in use by: {', '.join(users)}",
            code=50004,
            remedy="Update or delete those deployments first",
        )
    units = [_unit(row.key, f"Deleting stemcell {row.key}", DeleteStemcell(row_key=row.key)) for row in rows]
    return Plan(name, (Stage("delete", "Deleting stemcell from cloud", tuple(units)),))


async def run_disk(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_orphan_disks`` and ``orphan_disk``."""
    request = convert(context.task.request, DiskRequest)
    await context.carry_out(lambda: _plan_disk(house, request))
    return f"disk {request.cid} {'orphaned' if request.orphan else 'deleted'}"


async def _plan_disk(house: House, request: DiskRequest) -> Plan:
    rows = await house.store.find(DiskRow, cid=request.cid)
    if not rows:
        raise NotFound(f"Disk '{request.cid}' doesn't exist", code=520000, status=404)
    row = rows[0]
    if not request.orphan and row.orphaned_at is None:
        raise BadRequest(
            f"Disk '{request.cid}' is still in use by {row.instance_name}",
            code=520000,
            remedy="Orphan it first, or delete its instance",
        )
    if request.orphan and row.attached_to:
        raise BadRequest(
            f"Disk '{request.cid}' is attached to {row.attached_to}", code=520000, remedy="Stop its instance hard first"
        )
    key = row.object_key
    action: Action = OrphanDisk(object_key=key) if request.orphan else DeleteDisk(object_key=key)
    title = "Orphaning disk" if request.orphan else "Deleting orphaned disks"
    return Plan(row.deployment, (Stage("disk", title, (_unit(row.key, request.cid, action),)),))


def _unit(id: str, task: str, action: Action) -> Unit:
    steps = Steps(f"delete/{id}")
    steps.add(action, task)
    return Unit(id, task, tuple(steps.list))


def _blobs(row: ReleaseRow) -> set[str]:
    return {job.blob_id for job in row.jobs} | {package.blob_id for package in row.packages if package.blob_id}
