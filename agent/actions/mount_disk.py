"""mount_disk: mount a persistent disk, formatting an empty one."""

from __future__ import annotations

from agent.action import Action
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: disk CID. Repeatable."""
    vm.disks.mount(call.text(0, "disk cid"))
    return {}


ACTION = Action(run, asynchronous=True)
