"""unmount_disk: unmount a persistent disk."""

from __future__ import annotations

from agent.action import Action
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: disk CID. Repeatable."""
    return {"message": vm.disks.unmount(call.text(0, "disk cid"))}


ACTION = Action(run, asynchronous=True)
