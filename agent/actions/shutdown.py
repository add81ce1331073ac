"""shutdown: power the VM off."""

from __future__ import annotations

from agent.action import Action
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, _call: Call) -> str:
    """The director does not wait for the answer."""
    vm.platform.power_off()
    return ""


ACTION = Action(run)
