"""list_disk: which persistent disks are mounted."""

from __future__ import annotations

from agent.action import Action
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, _call: Call) -> list[str]:
    """CIDs."""
    return vm.disks.mounted()


ACTION = Action(run, asynchronous=True)
