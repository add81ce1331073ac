"""run_errand: one instance's run of an errand; its row goes to the task's result output."""

from __future__ import annotations

from typing import Any

from director.model.actions import RunErrand
from director.model.errors import AgentError, DirectorError
from director.steps import lookup
from director.steps.agent_call import act
from director.steps.step import Intent, Io, Outcome, StepRun


class RunErrandStep(StepRun[RunErrand]):
    """Our agent adopts a run it has begun under the same key; with the stock agent an interrupted errand runs anew."""

    kind = "run_errand"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        args = self.args
        vm = await lookup.live_vm(io, args.instance_id)
        try:
            value = await act(io, vm.agent_id, "run_errand", *([args.job] if args.job else []))
        except AgentError as error:
            if error.message.startswith("unknown message"):
                raise DirectorError(
                    f"The agent of '{args.group}/{args.instance_id}' cannot run errands",
                    code=510000,
                    remedy="Use a newer stemcell.",
                ) from error
            raise
        row = {
            "instance": {"group": args.group, "id": args.instance_id},
            "errand_name": args.errand,
            **_output(value),
            "logs": {"blobstore_id": None, "sha1": None},
        }
        io.log.result(row)
        return Outcome(result={"exit_code": row["exit_code"]})


def _output(value: Any) -> dict[str, Any]:
    """exit_code, stdout and stderr of the agent's answer; nothing else of it is shown."""
    if not isinstance(value, dict) or not isinstance(value.get("exit_code"), int):
        raise DirectorError("The agent's answer to run_errand has no exit_code; expected {exit_code, stdout, stderr}")
    return {
        "exit_code": value["exit_code"],
        "stdout": str(value.get("stdout", "")),
        "stderr": str(value.get("stderr", "")),
    }
