"""delete_instance: its row and addresses are forgotten."""

from __future__ import annotations

from director.model.actions import DeleteInstance
from director.model.rows import AddressRow, InstanceRow, Row
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class DeleteInstanceStep(StepRun[DeleteInstance]):
    """Store only."""

    kind = "delete_instance"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        held = await io.store.find(AddressRow, owner=self.args.instance_id)
        gone: list[tuple[type[Row], str]] = [(AddressRow, one.key) for one in held]
        return Outcome(Changes(delete=[(InstanceRow, self.args.instance_id), *gone]))
