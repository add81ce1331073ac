"""run_errand: bin/run of a job, once."""

from __future__ import annotations

from agent.action import Action
from agent.errors import AgentError, Interrupted
from agent.process.script import Phase, Script
from agent.shapes import Json, string_or_empty
from agent.tasks.call import Call
from agent.vm import Vm

_GRACE = 10.0


def run(vm: Vm, call: Call) -> Json:
    """Argument: job name, or none for the first job. ``stdout``, ``stderr``, ``exit_code``; cancel sends TERM, then KILL.

    After a restart of the agent the running errand is adopted. One that was lost (a reboot) is never begun again:
    Interrupted says so.
    """
    job = string_or_empty(call.optional(0)) or vm.spec.current.first_job
    if job not in [known.name for known in vm.spec.current.jobs]:
        raise AgentError(f"run_errand: job {job or '(none)'} is not among the applied jobs of this instance")
    path = vm.layout.jobs / job / "bin" / "run"
    if not path.exists():
        raise AgentError(f"run_errand: job {job} has no bin/run, so it is no errand")
    out, err = call.run_folder / "stdout", call.run_folder / "stderr"
    script = Script(call.run_folder / "errand", [str(path)], stdout=out, stderr=err)
    if script.phase is Phase.LOST:
        raise Interrupted(f"errand {job} was cut off by a restart of the VM; its outcome is unknown, run it again")
    script.ensure_started()
    code = script.wait(call.cancel)
    if code is None:
        if not call.cancel.is_set:
            raise Interrupted(f"errand {job} was killed from outside and left no exit code; its outcome is unknown")
        code = script.stop(_GRACE)
    return {"stdout": _text(out), "stderr": _text(err), "exit_code": code}


def _text(path: object) -> str:
    with open(str(path), errors="replace") as file:
        return file.read()


ACTION = Action(run, asynchronous=True, cancellable=True)
