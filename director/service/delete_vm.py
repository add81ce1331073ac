"""Delete one VM by its CID: an instance's own (the next deploy or cloud check makes it anew), or one that no row tells of."""

from __future__ import annotations

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.model.actions import DeleteVm
from director.model.errors import CloudNotFound, CloudNotSupported
from director.model.plan import Plan, Stage, Unit
from director.model.rows import VmRow
from director.plan.sequences import Steps
from director.service.audit import audited
from director.service.house import House
from director.service.stage import StageLog

STAGE = "Delete VM"


class DeleteVmRequest(Struct, frozen=True):
    """The VM's CID."""

    cid: str


async def run_delete_vm(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_vm``. A VM that no cloud has is a warning, no error."""
    cid = convert(context.task.request, DeleteVmRequest).cid
    rows = await house.store.find(VmRow, cid=cid)
    async with audited(house, context, "delete", "vm", cid):
        if rows or await context.stored_plan() is not None:
            if rows:
                await context.lock(f"deployment/{rows[0].deployment}")
            await context.carry_out(lambda: _plan(rows[0]))
        elif not await _delete_unknown(house, context, cid):
            context.log.warning(f"VM {cid} does not exist. Deletion is skipped")
            return None
    return f"vm {cid} deleted"


async def _plan(row: VmRow) -> Plan:
    steps = Steps(f"vm/{row.agent_id}")
    steps.add(DeleteVm(agent_id=row.agent_id), "delete the VM")
    return Plan(row.deployment, (Stage("vm", STAGE, (Unit("vm", row.cid, tuple(steps.list)),)),))


async def _delete_unknown(house: House, context: TaskContext, cid: str) -> bool:
    """Ask each cloud for it; doing so again is harmless."""
    for name in await house.clouds.names():
        cloud = await house.clouds.get(name)
        try:
            if not await cloud.has_vm(cid, log=context.log.cpi):
                continue
        except CloudNotSupported:
            pass
        try:
            async with StageLog(context.log, STAGE).task(cid):
                await cloud.delete_vm(cid, log=context.log.cpi)
        except CloudNotFound:
            continue
        return True
    return False
