"""detach_disk: the agent forgets it, then the cloud detaches it. Being detached already is as good."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import DetachDisk
from director.model.errors import CloudError, CloudNotFound
from director.model.rows import InstanceRow, Row
from director.ports.store import Changes
from director.steps import lookup
from director.steps.agent_call import act_if_known, answers
from director.steps.list_disk import unmount
from director.steps.step import Intent, Io, Outcome, StepRun

_NOT_ATTACHED = "Bosh::Clouds::DiskNotAttached"


class DetachDiskStep(StepRun[DetachDisk]):
    """Repeating it is harmless."""

    kind = "detach_disk"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        disk = await lookup.disk(io, self.args.object_key)
        vm = await lookup.vm_of(io, self.args.instance_id)
        if vm is not None and disk.cid:
            if not self.args.tolerate or await answers(io, vm.agent_id):
                await unmount(io, vm.agent_id, disk.cid)
                await act_if_known(io, vm.agent_id, "remove_persistent_disk", disk.cid)
            cloud = await io.clouds.get(disk.cpi)
            try:
                await cloud.detach_disk(vm.cid, disk.cid, log=io.log.cpi)
            except CloudNotFound as error:
                io.log.debug(f"disk '{disk.cid}' needs no detaching: {error.message}")
            except CloudError as error:
                if error.type != _NOT_ATTACHED:
                    raise
                io.log.debug(f"disk '{disk.cid}' was not attached")
        put: list[Row] = [replace(disk, attached_to="", hint=None)]
        instance = await io.store.get(InstanceRow, self.args.instance_id)
        if instance is not None and disk.active:
            put.append(replace(instance, midstate="detached"))
        return Outcome(Changes(put=put))
