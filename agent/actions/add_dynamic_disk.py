"""add_dynamic_disk: link a disk that a job manages by itself."""

from __future__ import annotations

from agent.action import Action
from agent.blobs.by_id import safe_id
from agent.jobs import bundle
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments: disk CID, hint. The device is found at data/dynamic_disks/<cid>. Repeatable."""
    cid = safe_id(call.text(0, "disk cid"))
    bundle.link(vm.layout.data / "dynamic_disks" / cid, vm.disks.locate(call.optional(1)))
    return {}


ACTION = Action(run, asynchronous=True)
