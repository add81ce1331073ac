"""start: the jobs' processes are started; whether they run is `watch`'s business."""

from __future__ import annotations

from director.model.actions import Start
from director.steps import lookup
from director.steps.agent_call import ask
from director.steps.step import Intent, Io, Outcome, StepRun


class StartStep(StepRun[Start]):
    """Repeating it is harmless."""

    kind = "start"
    status = "starting jobs"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        vm = await lookup.live_vm(io, self.args.instance_id)
        await ask(io, vm.agent_id, "start")
        return Outcome()
