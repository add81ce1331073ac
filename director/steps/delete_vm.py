"""delete_vm: quiet when the VM is gone; the agent is let in no longer, its addresses are freed when asked."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import DeleteVm
from director.model.errors import CloudNotFound
from director.model.rows import AddressRow, DiskRow, InstanceRow, Row, VmRow
from director.ports.store import Changes
from director.steps import made
from director.steps.step import Intent, Io, Outcome, StepRun, Unknown


class DeleteVmStep(StepRun[DeleteVm]):
    """Repeating it is harmless."""

    kind = "delete_vm"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(VmRow, self.args.agent_id)
        if row is None:
            return Outcome()
        cid = await self._gone(io, row)
        await io.agents.expel([row.agent_id])
        put: list[Row] = []
        instance = await io.store.get(InstanceRow, row.instance_id) if row.instance_id else None
        if instance is not None and instance.agent_id == row.agent_id:
            put.append(replace(instance, agent_id=""))
        disks = await io.store.find(DiskRow, deployment=row.deployment) if cid else []
        put += [replace(one, attached_to="", hint=None) for one in disks if one.attached_to == cid]
        delete: list[tuple[type[Row], str]] = [(VmRow, row.key)]
        if self.args.release:
            delete += [(AddressRow, one.key) for one in await io.store.find(AddressRow, owner=row.owner)]
        return Outcome(Changes(put=put, delete=delete), {"cid": cid})

    async def _gone(self, io: Io, row: VmRow) -> str:
        """Delete it, looking it up by its key when its creation was never confirmed; the CID or empty."""
        cloud = await io.clouds.get(row.cpi)
        cid = row.cid
        if not cid:
            found = await made.find(io, cloud, "vm", row.object_key)
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
