"""save_deployment: the deployment's row says what was deployed."""

from __future__ import annotations

import msgspec

from director.model.actions import SaveDeployment
from director.model.rows import DeploymentRow
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class SaveDeploymentStep(StepRun[SaveDeployment]):
    """Store only."""

    kind = "save_deployment"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        return Outcome(Changes(put=[msgspec.convert(self.args.row, DeploymentRow, strict=False)]))
