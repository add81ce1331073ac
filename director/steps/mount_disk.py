"""mount_disk: at /var/vcap/store; with ``migrate`` the old disk's data is copied over and the new one takes its place."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import MountDisk
from director.model.errors import DirectorError
from director.model.rows import DiskRow, JournalEntry
from director.ports.store import Changes
from director.steps import lookup
from director.steps.agent_call import act
from director.steps.list_disk import mounted
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, StepRun


class MountDiskStep(StepRun[MountDisk]):
    kind = "mount_disk"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        vm = await lookup.live_vm(io, self.args.instance_id)
        disk = await lookup.disk(io, self.args.object_key)
        await act(io, vm.agent_id, "mount_disk", disk.cid)
        if self.args.migrate:
            old = await self._old(io)
            if old is None:
                raise DirectorError(
                    f"No disk of {disk.instance_name} holds the data that should go to '{disk.cid}'", code=520000
                )
            await act(io, vm.agent_id, "migrate_disk", old.cid, disk.cid)
        return await self._outcome(io, disk)

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        """A second migration would find the disks swapped. It is over when the new disk alone is mounted."""
        old = await self._old(io) if self.args.migrate else None
        if old is not None:
            vm = await lookup.live_vm(io, self.args.instance_id)
            disk = await lookup.disk(io, self.args.object_key)
            present = await mounted(io, vm.agent_id)
            if disk.cid in present and old.cid not in present:
                return Adopt(await self._outcome(io, disk))
        return Repeat()

    async def _old(self, io: Io) -> DiskRow | None:
        rows = await io.store.find(DiskRow, instance_id=self.args.instance_id)
        return next((one for one in rows if one.active and one.object_key != self.args.object_key), None)

    async def _outcome(self, io: Io, disk: DiskRow) -> Outcome:
        rows = await io.store.find(DiskRow, instance_id=self.args.instance_id)
        others = [replace(one, active=False) for one in rows if one.active and one.object_key != disk.object_key]
        return Outcome(Changes(put=[*others, replace(disk, active=True)]))
