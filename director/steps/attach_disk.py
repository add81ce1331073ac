"""attach_disk: in the cloud, then the hint to the agent, then the disk's metadata."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from director.model.actions import AttachDisk
from director.model.errors import CloudError, CloudNotSupported, CloudUnsettled
from director.model.rows import DiskRow, JournalEntry, VmRow
from director.ports.cloud import Cloud
from director.ports.store import Changes
from director.steps import lookup
from director.steps.agent_call import act_if_known
from director.steps.step import Intent, Io, Outcome, Recovery, Repeat, StepRun


class AttachDiskStep(StepRun[AttachDisk]):
    """Nothing is mounted yet, so repeating it is harmless."""

    kind = "attach_disk"

    async def intend(self, io: Io) -> Intent:
        """The row tells of the VM from now on: whatever becomes of this step, who deals with the disk next detaches it first."""
        disk = await lookup.disk(io, self.args.object_key)
        vm = await lookup.live_vm(io, self.args.instance_id)
        return Intent(changes=Changes(put=[replace(disk, attached_to=vm.cid)]))

    async def run(self, io: Io, intent: Intent) -> Outcome:
        disk = await lookup.disk(io, self.args.object_key)
        vm = await lookup.live_vm(io, self.args.instance_id)
        cloud = await io.clouds.get(disk.cpi)
        hint = await cloud.attach_disk(vm.cid, disk.cid, stemcell_api=vm.stemcell_api, log=io.log.cpi)
        if hint is not None:
            await act_if_known(io, vm.agent_id, "add_persistent_disk", disk.cid, hint)
        await self._tell(io, cloud, disk, vm)
        return Outcome(Changes(put=[replace(disk, attached_to=vm.cid, hint=hint)]), {"hint": hint})

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        """Our CPIs attach twice as once. Others may refuse the second time, so there it is detached first."""
        disk = await lookup.disk(io, self.args.object_key)
        vm = await lookup.vm_of(io, self.args.instance_id)
        cloud = await io.clouds.get(disk.cpi)
        if vm is not None and not (await cloud.info(log=io.log.cpi)).can_find:
            try:
                await cloud.detach_disk(vm.cid, disk.cid, log=io.log.cpi)
            except CloudUnsettled:
                raise
            except CloudError as error:
                io.log.debug(f"disk '{disk.cid}' was not attached: {error.message}")
        return Repeat()

    async def _tell(self, io: Io, cloud: Cloud, disk: DiskRow, vm: VmRow) -> None:
        instance = await lookup.instance(io, self.args.instance_id)
        metadata = {
            **vm.tags,
            "director": io.site.name,
            "deployment": disk.deployment,
            "instance_id": instance.id,
            "instance_index": str(instance.index),
            "instance_group": instance.group,
            "attached_at": datetime.fromtimestamp(io.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        try:
            await cloud.set_disk_metadata(disk.cid, metadata, log=io.log.cpi)
        except CloudNotSupported:
            pass
        except CloudUnsettled:
            raise
        except CloudError as error:
            io.log.warning(f"Disk '{disk.cid}' is without its metadata: {error.message}")
