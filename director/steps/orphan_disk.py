"""orphan_disk: the disk stays in the cloud and belongs to nobody."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import OrphanDisk
from director.model.rows import DiskRow
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class OrphanDiskStep(StepRun[OrphanDisk]):
    """Store only. ``instance_name`` still tells whose it was."""

    kind = "orphan_disk"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(DiskRow, self.args.object_key)
        if row is None:
            return Outcome()
        kept = replace(
            row, instance_id="", active=False, attached_to="", hint=None, orphaned_at=row.orphaned_at or io.clock.now()
        )
        return Outcome(Changes(put=[kept]))
