"""prepare: the agent downloads what the new spec needs while the old jobs run."""

from __future__ import annotations

from director.model.actions import Prepare
from director.steps import lookup
from director.steps.agent_call import act_if_known
from director.steps.apply_spec import apply_spec
from director.steps.midstate import reached
from director.steps.step import Intent, Io, Outcome, StepRun
from director.steps.templates_delivery import deliver


class PrepareStep(StepRun[Prepare]):
    kind = "prepare"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        spec = self.args.spec
        vm = await (lookup.vm(io, self.args.agent_id) if self.args.agent_id else lookup.live_vm(io, spec.id))
        await deliver(io, spec, vm)
        await act_if_known(io, vm.agent_id, "prepare", await apply_spec(io, spec, vm))
        return await reached(io, spec.id, "prepared")
