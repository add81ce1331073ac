"""delete_disk: in the cloud, then its row; quiet when it is gone."""

from __future__ import annotations

from director.model.actions import DeleteDisk
from director.model.errors import CloudNotFound
from director.model.rows import DiskRow
from director.ports.store import Changes
from director.steps import made
from director.steps.found import Question
from director.steps.step import Intent, Io, Outcome, StepRun, Unknown


class DeleteDiskStep(StepRun[DeleteDisk]):
    """Repeating it is harmless."""

    kind = "delete_disk"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(DiskRow, self.args.object_key)
        if row is None:
            return Outcome()
        cloud = await io.clouds.get(row.cpi)
        cid: str | Unknown | None = row.cid or await made.find(io, Question(row.cpi, "disk", row.object_key))
        if isinstance(cid, Unknown):
            io.log.warning(f"{cid.message}. Look for it in the cloud; it was made for {row.instance_name}.")
        elif cid is not None:
            try:
                await cloud.delete_disk(cid, log=io.log.cpi)
            except CloudNotFound:
                io.log.debug(f"disk '{cid}' is gone already")
        return Outcome(Changes(delete=[(DiskRow, row.key)]))
