"""run_script: a script of all jobs, in parallel on the VM."""

from __future__ import annotations

from director.model.actions import RunScript
from director.steps.agent_call import act_if_known, act_tolerantly
from director.steps.lookup import live_vm
from director.steps.step import Intent, Io, Outcome, StepRun


class RunScriptStep(StepRun[RunScript]):
    """Scripts are written to be run again (job lifecycle contract)."""

    kind = "run_script"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        io.status(f"executing {args.script}")
        options = {"env": args.env} if args.env else {}
        if args.tolerate:
            await act_tolerantly(io, args.instance_id, "run_script", args.script, options, tolerate=True)
        else:
            vm = await live_vm(io, args.instance_id)
            await act_if_known(io, vm.agent_id, "run_script", args.script, options)
        return Outcome()
