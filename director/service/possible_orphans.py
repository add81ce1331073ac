"""Possible orphans: what may exist in a cloud although nobody can tell. They are dismissed, or found by an operator and deleted."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.model.deployment import Document
from director.model.errors import BadRequest, CloudNotFound, CloudNotSupported, NotFound
from director.model.rows import AddressRow, DiskRow, PossibleOrphanRow, Row, StemcellRow, VmRow
from director.ports.store import Changes, Store
from director.service.audit import audit
from director.service.house import House
from director.service.instances import iso
from director.service.stage import StageLog


class OrphanRequest(Struct, frozen=True):
    """``cid``: what it is in the cloud, to be deleted there; empty: there is none, and it is forgotten."""

    key: str
    cid: str = ""


def show(row: PossibleOrphanRow) -> Document:
    """As the API gives it."""
    return {
        "key": row.object_key,
        "kind": row.kind,
        "cpi": row.cpi or None,
        "deployment_name": row.deployment or None,
        "instance_name": row.instance_name or None,
        "az": row.az or None,
        "agent_id": row.agent_id or None,
        "ip_addresses": list(row.addresses),
        "size": row.size or None,
        "cloud_properties": row.cloud_properties,
        "tags": row.tags,
        "since": iso(row.since),
        "task": str(row.task) if row.task else None,
    }


async def run_possible_orphan(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_possible_orphan``. Doing it again is harmless."""
    request = convert(context.task.request, OrphanRequest)
    row = await house.store.get(PossibleOrphanRow, request.key)
    if row is None:
        if context.resuming:
            return f"possible orphan {request.key} is gone"
        raise NotFound(
            f"Possible orphan '{request.key}' doesn't exist", remedy="See `meristem possible-orphans` for their keys"
        )
    if request.cid:
        await _refuse_known(house.store, row.kind, request.cid)
        async with StageLog(context.log, "Deleting possible orphan").task(f"{row.kind} {request.cid}"):
            await _delete(house, context, row, request.cid)
    await context.commit(await forgotten(house.store, row))
    await audit(house, context, "delete" if request.cid else "dismiss", row.kind, request.cid or row.object_key)
    return f"{row.kind} {request.cid} deleted" if request.cid else f"possible orphan {row.object_key} dismissed"


async def look_again(house: House, context: TaskContext) -> int:
    """Ask the clouds that have learnt to look by key; what is there is deleted, what is not is forgotten. How many are settled."""
    settled = 0
    for row in await house.store.find(PossibleOrphanRow):
        cloud = await house.clouds.get(row.cpi)
        try:
            cid = await cloud.find(row.kind, row.object_key, log=context.log.cpi)
        except CloudNotSupported:
            continue
        if cid is not None:
            await _delete(house, context, row, cid)
        await context.commit(await forgotten(house.store, row))
        settled += 1
    return settled


async def forgotten(store: Store, row: PossibleOrphanRow) -> Changes:
    """The row goes, and its addresses are free."""
    gone: list[tuple[type[Row], str]] = [(PossibleOrphanRow, row.key)]
    gone += [(AddressRow, one.key) for one in await store.find(AddressRow, owner=row.object_key)]
    return Changes(delete=gone)


async def _delete(house: House, context: TaskContext, row: PossibleOrphanRow, cid: str) -> None:
    cloud = await house.clouds.get(row.cpi)
    try:
        match row.kind:
            case "vm":
                await cloud.delete_vm(cid, log=context.log.cpi)
            case "disk":
                await cloud.delete_disk(cid, log=context.log.cpi)
            case _:
                await cloud.delete_stemcell(cid, log=context.log.cpi)
    except CloudNotFound:
        context.log.warning(f"{row.kind} {cid} does not exist")
    if row.agent_id:
        await house.agents.expel([row.agent_id])


async def _refuse_known(store: Store, kind: str, cid: str) -> None:
    """A CID that a row has is no orphan's."""
    kinds: dict[str, type[Any]] = {"vm": VmRow, "disk": DiskRow, "stemcell": StemcellRow}
    if any(row.cid == cid for row in await store.find(kinds[kind])):
        raise BadRequest(
            f"The {kind} '{cid}' is in use", remedy="Look in the cloud for one that the director does not list"
        )
