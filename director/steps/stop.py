"""stop: the jobs' processes end."""

from __future__ import annotations

from director.model.actions import Stop
from director.model.errors import AgentTimeout
from director.steps.agent_call import act_tolerantly
from director.steps.midstate import reached
from director.steps.step import Intent, Io, Outcome, StepRun

_LONGEST = 300.0


class StopStep(StepRun[Stop]):
    """After five minutes the task goes on without the agent's word (agent protocol §2)."""

    kind = "stop"
    status = "stopping jobs"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        try:
            await act_tolerantly(io, args.instance_id, "stop", tolerate=args.tolerate, timeout=_LONGEST)
        except AgentTimeout as error:
            if "did not end" not in error.message:
                raise
            io.log.debug(f"{error.message}; going on")
        return await reached(io, args.instance_id, "stopped")
