"""delete_deployment: its row, variable sets, variables and addresses are forgotten."""

from __future__ import annotations

from director.model.actions import DeleteDeployment
from director.model.rows import AddressRow, DeploymentRow, PossibleOrphanRow, Row, VariableRow, VariableSetRow, VmRow
from director.ports.store import Changes
from director.steps.step import Intent, Io, Outcome, StepRun


class DeleteDeploymentStep(StepRun[DeleteDeployment]):
    """Store only."""

    kind = "delete_deployment"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        name = self.args.name
        delete: list[tuple[type[Row], str]] = [(DeploymentRow, name)]
        delete += [(VariableSetRow, one.key) for one in await io.store.find(VariableSetRow, deployment=name)]
        # a VM that waits for its deletion, or may exist, may still use its addresses
        kept = {one.key for one in await io.store.find(PossibleOrphanRow, deployment=name)}
        kept |= {one.owner for one in await io.store.find(VmRow, deployment=name) if one.orphaned_at is not None}
        held = await io.store.find(AddressRow, deployment=name)
        delete += [(AddressRow, one.key) for one in held if one.owner not in kept]
        own = f"/{io.site.name}/{name}/"
        variables = await io.store.find(VariableRow)
        delete += [(VariableRow, one.key) for one in variables if one.name.startswith(own)]
        return Outcome(Changes(delete=delete))
