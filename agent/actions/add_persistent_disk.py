"""add_persistent_disk: the cloud attached a disk; remember where."""

from __future__ import annotations

from agent.action import Action
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments: disk CID, hint. Repeatable."""
    vm.disks.attach(call.text(0, "disk cid"), call.optional(1))
    return {}


ACTION = Action(run, asynchronous=True)
