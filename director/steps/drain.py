"""drain: the jobs get ready to be stopped."""

from __future__ import annotations

from typing import Any

from director.model.actions import Drain
from director.steps.agent_call import act_tolerantly, listener
from director.steps.apply_spec import apply_spec
from director.steps.midstate import reached
from director.steps.step import Intent, Io, Outcome, StepRun


class DrainStep(StepRun[Drain]):
    """The agent itself goes on asking a dynamic drain script; a positive answer of an old agent is waited for here."""

    kind = "drain"
    status = "executing drain"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        arguments: list[Any] = [args.mode]
        if args.spec is not None:
            vm = await listener(io, args.instance_id, tolerate=args.tolerate)
            if vm is None:
                return Outcome()
            arguments.append(await apply_spec(io, args.spec, vm))
        waited = await act_tolerantly(io, args.instance_id, "drain", *arguments, tolerate=args.tolerate)
        if isinstance(waited, int) and waited > 0:
            await io.clock.sleep(waited)
        return await reached(io, args.instance_id, "drained")
