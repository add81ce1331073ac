"""unmount_disk: if the agent has it mounted."""

from __future__ import annotations

from director.model.actions import UnmountDisk
from director.steps import lookup
from director.steps.agent_call import listener
from director.steps.list_disk import unmount
from director.steps.step import Intent, Io, Outcome, StepRun


class UnmountDiskStep(StepRun[UnmountDisk]):
    """Only silence is tolerated: a disk that is in use must not be torn away."""

    kind = "unmount_disk"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        disk = await lookup.disk(io, self.args.object_key)
        vm = await listener(io, self.args.instance_id, tolerate=self.args.tolerate)
        if vm is not None and disk.cid:
            await unmount(io, vm.agent_id, disk.cid)
        return Outcome()
