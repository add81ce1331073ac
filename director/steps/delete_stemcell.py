"""delete_stemcell: in the cloud, then its row; quiet when it is gone."""

from __future__ import annotations

from director.model.actions import DeleteStemcell
from director.model.errors import CloudNotFound
from director.model.rows import StemcellRow
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class DeleteStemcellStep(StepRun[DeleteStemcell]):
    """Repeating it is harmless."""

    kind = "delete_stemcell"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        row = await io.store.get(StemcellRow, self.args.row_key)
        if row is None:
            return Outcome()
        if row.cid:
            cloud = await io.clouds.get(row.cpi)
            try:
                await cloud.delete_stemcell(row.cid, log=io.log.cpi)
            except CloudNotFound:
                io.log.debug(f"stemcell '{row.cid}' is gone already")
        return Outcome(Changes(delete=[(StemcellRow, row.key)]))
