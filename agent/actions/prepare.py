"""prepare: download what a coming apply needs, while the old jobs still run."""

from __future__ import annotations

from agent.action import Action
from agent.jobs import install
from agent.jobs.spec import Spec
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> str:
    """Argument: apply spec. Repeatable."""
    install.fetch_all(vm, Spec(call.object(0, "apply spec")))
    return "prepared"


ACTION = Action(run, asynchronous=True)
