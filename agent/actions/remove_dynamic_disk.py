"""remove_dynamic_disk: drop the link to a disk that a job managed by itself."""

from __future__ import annotations

from agent.action import Action
from agent.blobs.by_id import safe_id
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: disk CID. Repeatable."""
    (vm.layout.data / "dynamic_disks" / safe_id(call.text(0, "disk cid"))).unlink(missing_ok=True)
    return {}


ACTION = Action(run, changes=True)
