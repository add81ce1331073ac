"""Deleting a VM, and what the store forgets with it."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.errors import CloudNotFound
from director.model.rows import AddressRow, DiskRow, InstanceRow, Row, VmRow
from director.ports.store import Changes
from director.steps import made
from director.steps.found import Question
from director.steps.step import Io, Unknown


async def delete(io: Io, row: VmRow) -> str:
    """Delete it, looking it up by its key when its creation was never confirmed; the CID or empty. Quiet when it is gone."""
    cloud = await io.clouds.get(row.cpi)
    cid = row.cid
    if not cid:
        found = await made.find(io, Question(row.cpi, "vm", row.object_key))
        if isinstance(found, Unknown):
            io.log.warning(f"{found.message}. Look for it in the cloud; agent id {row.agent_id}.")
        if not isinstance(found, str):
            return ""
        cid = found
    try:
        await cloud.delete_vm(cid, stemcell_api=row.stemcell_api, log=io.log.cpi)
    except CloudNotFound:
        io.log.debug(f"VM '{cid}' is gone already")
    return cid


async def forgotten(io: Io, row: VmRow, cid: str, *, release: bool) -> Changes:
    """Its row goes; the instance and disks that had it have it no longer; ``release`` frees its owner's addresses."""
    put: list[Row] = list((await let_go(io, row)).put)
    disks = await io.store.find(DiskRow, deployment=row.deployment) if cid else []
    put += [replace(one, attached_to="", hint=None) for one in disks if one.attached_to == cid]
    gone: list[tuple[type[Row], str]] = [(VmRow, row.key)]
    if release:
        gone += [(AddressRow, one.key) for one in await io.store.find(AddressRow, owner=row.owner)]
    return Changes(put=put, delete=gone)


async def let_go(io: Io, row: VmRow) -> Changes:
    """The instance that has this VM has none any more."""
    instance = await io.store.get(InstanceRow, row.instance_id) if row.instance_id else None
    if instance is None or instance.agent_id != row.agent_id:
        return Changes()
    return Changes(put=[replace(instance, agent_id="")])
