"""migrate_disk: copy the old persistent disk to the new one and mount that in its place."""

from __future__ import annotations

from agent.action import Action
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments are ignored: what is mounted decides. Repeatable."""
    vm.disks.migrate(bool(call.noted("copied")), lambda: call.note("copied"))
    return {}


ACTION = Action(run, asynchronous=True)
