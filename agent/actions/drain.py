"""drain: let the jobs finish their work before they are stopped."""

from __future__ import annotations

from agent.action import Action
from agent.errors import ArgumentError
from agent.jobs import drain
from agent.jobs.spec import Spec
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> int:
    """Arguments: ``update`` and the new spec, or ``shutdown`` and perhaps a spec. Always 0: the waiting is done here."""
    kind = call.text(0, "type")
    if kind not in ("update", "shutdown"):
        raise ArgumentError(f"drain: type {kind!r:.40}: expected update or shutdown")
    new = Spec(call.object(1, "new spec")) if kind == "update" or call.optional(1) else None
    if kind == "shutdown" and not call.noted("announced"):
        vm.announce("shutdown", {})
        call.note("announced")
    vm.supervisor.unmonitor()
    drain.drain(vm, call, kind, new)
    return 0


ACTION = Action(run, asynchronous=True, cancellable=True)
