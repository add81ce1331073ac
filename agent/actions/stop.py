"""stop: stop the jobs and wait until their processes are gone."""

from __future__ import annotations

from agent.action import Action
from agent.tasks.call import Call
from agent.vm import Vm

_TIMEOUT = 300.0


def run(vm: Vm, _call: Call) -> str:
    """At most five minutes. Repeatable."""
    vm.layout.stopped_marker.parent.mkdir(parents=True, exist_ok=True)
    vm.layout.stopped_marker.touch()
    vm.supervisor.stop(_TIMEOUT)
    vm.state_may_have_changed()
    return "stopped"


ACTION = Action(run, asynchronous=True)
