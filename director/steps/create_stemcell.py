"""create_stemcell: the row first, then the image to the CPI under its key."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from director.model.actions import CreateStemcell
from director.model.rows import JournalEntry, PossibleOrphanRow, StemcellRow
from director.ports.store import Changes
from director.steps import made
from director.steps.found import Question
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, StepRun, Unknown


class CreateStemcellStep(StepRun[CreateStemcell]):
    """The image file is kept by whoever made the plan until the step has ended."""

    kind = "create_stemcell"

    async def intend(self, io: Io) -> Intent:
        return Intent(self.args.object_key, Changes(put=[self._row]))

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        cloud = await io.clouds.get(self._row.cpi)
        cid = await cloud.create_stemcell(
            args.image_path, args.cloud_properties, key=args.object_key, tags=args.tags, log=io.log.cpi
        )
        return self._made(cid)

    @property
    def made_under(self) -> Question:
        return Question(self._row.cpi, "stemcell", self.args.object_key)

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        found = await made.find(io, self.made_under)
        if isinstance(found, Unknown):
            orphan = PossibleOrphanRow(
                object_key=self.args.object_key,
                kind="stemcell",
                cpi=self._row.cpi,
                instance_name=f"{self._row.name}/{self._row.version}",
                cloud_properties=self.args.cloud_properties,
                since=entry.intended_at,
                task=entry.task_id,
            )
            return Unknown(found.message, Changes(put=[orphan]))
        return Repeat() if found is None else Adopt(self._made(found))

    @property
    def _row(self) -> StemcellRow:
        fields: dict[str, Any] = {**self.args.row, "cid": ""}
        return msgspec.convert(fields, StemcellRow, strict=False)

    def _made(self, cid: str) -> Outcome:
        return Outcome(Changes(put=[replace(self._row, cid=cid)]), {"cid": cid})
