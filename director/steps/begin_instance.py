"""begin_instance: the row says that the instance exists and is being changed."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import BeginInstance
from director.model.rows import InstanceRow
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class BeginInstanceStep(StepRun[BeginInstance]):
    """Store only."""

    kind = "begin_instance"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        spec = self.args.spec
        known = await io.store.get(InstanceRow, spec.id)
        row = known or InstanceRow(id=spec.id, deployment=spec.deployment, group=spec.group, index=spec.index)
        wanted = replace(
            row,
            group=spec.group,
            index=spec.index,
            az=spec.az,
            bootstrap=spec.bootstrap,
            lifecycle=spec.lifecycle,
            state=spec.state,
            dirty=True,
            variable_set=self.args.variable_set,
        )
        return Outcome(Changes(put=[wanted]))
