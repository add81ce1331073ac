"""apply: the agent installs packages and jobs of the spec."""

from __future__ import annotations

from director.model.actions import Apply
from director.steps import lookup
from director.steps.agent_call import act
from director.steps.apply_spec import apply_spec
from director.steps.midstate import reached
from director.steps.step import Intent, Io, Outcome, StepRun
from director.steps.templates_delivery import deliver


class ApplyStep(StepRun[Apply]):
    """Repeating it is harmless."""

    kind = "apply"
    status = "installing packages"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        spec = self.args.spec
        vm = await lookup.live_vm(io, spec.id)
        await deliver(io, spec, vm)
        io.status("configuring jobs")
        await act(io, vm.agent_id, "apply", await apply_spec(io, spec, vm))
        return await reached(io, spec.id, "applied")
