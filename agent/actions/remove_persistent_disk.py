"""remove_persistent_disk: the cloud will detach a disk; forget it."""

from __future__ import annotations

from agent.action import Action
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: disk CID. Repeatable."""
    vm.disks.detach(call.text(0, "disk cid"))
    return {}


ACTION = Action(run, asynchronous=True)
