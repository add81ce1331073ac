"""finish_instance: the instance is what its spec says."""

from __future__ import annotations

from msgspec.structs import replace

from director.model.actions import FinishInstance
from director.model.rows import InstanceRow
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class FinishInstanceStep(StepRun[FinishInstance]):
    """Store only. What the next plan compares with is written here and nowhere else."""

    kind = "finish_instance"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        spec = self.args.spec
        known = await io.store.get(InstanceRow, spec.id)
        row = known or InstanceRow(id=spec.id, deployment=spec.deployment, group=spec.group, index=spec.index)
        done = replace(
            row,
            group=spec.group,
            index=spec.index,
            az=spec.az,
            bootstrap=spec.bootstrap,
            lifecycle=spec.lifecycle,
            state=spec.state,
            applied=spec,
            dirty=False,
            midstate="",
            variable_set=self.args.variable_set,
        )
        return Outcome(Changes(put=[done]))
