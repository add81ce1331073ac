"""create_disk: the row first, then the disk under its key, near the instance's VM."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import CreateDisk
from director.model.rows import DiskRow, InstanceRow, JournalEntry, PossibleOrphanRow
from director.ports.store import Changes
from director.steps import lookup, made
from director.steps.found import Question
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, StepRun, Unknown


class CreateDiskStep(StepRun[CreateDisk]):
    """The disk becomes the instance's active one when it is mounted."""

    kind = "create_disk"

    async def intend(self, io: Io) -> Intent:
        args = self.args
        row = DiskRow(
            object_key=args.object_key,
            deployment=args.deployment,
            instance_id=args.instance_id,
            instance_name=args.instance_name,
            cpi=args.cpi,
            az=args.az,
            size=args.disk.size,
            name=args.disk.name,
            cloud_properties=args.disk.cloud_properties,
        )
        return Intent(args.object_key, Changes(put=[row]))

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        cloud = await io.clouds.get(args.cpi)
        instance = await io.store.get(InstanceRow, args.instance_id)
        vm = await lookup.vm_of(io, args.instance_id)
        properties = await io.secrets.interpolate(
            args.disk.cloud_properties,
            args.deployment,
            await lookup.pins(io, instance.variable_set if instance is not None else 0),
        )
        cid = await cloud.create_disk(
            args.disk.size, properties, vm.cid if vm is not None else "", key=args.object_key, log=io.log.cpi
        )
        return await self._made(io, cid)

    @property
    def made_under(self) -> Question:
        return Question(self.args.cpi, "disk", self.args.object_key)

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        found = await made.find(io, self.made_under)
        if isinstance(found, Unknown):
            return Unknown(found.message, self._listed(entry))
        return Repeat() if found is None else Adopt(await self._made(io, found))

    def _listed(self, entry: JournalEntry) -> Changes:
        """As a possible orphan, in place of its row."""
        args = self.args
        orphan = PossibleOrphanRow(
            object_key=args.object_key,
            kind="disk",
            cpi=args.cpi,
            deployment=args.deployment,
            instance_name=args.instance_name,
            az=args.az,
            size=args.disk.size,
            cloud_properties=args.disk.cloud_properties,
            since=entry.intended_at,
            task=entry.task_id,
        )
        return Changes(put=[orphan], delete=[(DiskRow, args.object_key)])

    async def _made(self, io: Io, cid: str) -> Outcome:
        row = await lookup.disk(io, self.args.object_key)
        return Outcome(Changes(put=[replace(row, cid=cid)]), {"cid": cid})
