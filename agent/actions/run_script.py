"""run_script: one life-cycle script of every job."""

from __future__ import annotations

from agent.action import Action
from agent.jobs import scripts
from agent.shapes import Json, object_or_empty
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments: script name, {"env": {}}. Scripts that ended before a restart of the agent are not run again."""
    options = object_or_empty(call.optional(1))
    env = {str(key): str(value) for key, value in object_or_empty(options.get("env")).items()}
    scripts.run_in_all_jobs(vm, call, call.text(0, "script name"), env)
    return {}


ACTION = Action(run, asynchronous=True)
