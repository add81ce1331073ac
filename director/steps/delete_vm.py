"""delete_vm: quiet when the VM is gone; the agent is let in no longer, its addresses are freed when asked."""

from __future__ import annotations

from director.model.actions import DeleteVm
from director.model.rows import VmRow
from director.steps import vm_removal
from director.steps.step import Intent, Io, Outcome, StepRun


class DeleteVmStep(StepRun[DeleteVm]):
    """Repeating it is harmless."""

    kind = "delete_vm"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(VmRow, self.args.agent_id)
        if row is None:
            return Outcome()
        cid = await vm_removal.delete(io, row)
        await io.agents.expel([row.agent_id])
        return Outcome(await vm_removal.forgotten(io, row, cid, release=self.args.release), {"cid": cid})
