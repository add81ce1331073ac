"""Tasks: begun in a slot of the session, waited for by their updates."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pyVmomi import vim, vmodl

from cpi.contract import Call, DeadlineExceeded, Facts
from cpi.vsphere import reads
from cpi.vsphere.errors import AnswerLost, typed
from cpi.vsphere.session import NOT_FOUND, Session

LONGEST_WAIT = 20
"""Seconds of one WaitForUpdatesEx; shorter than any proxy's patience."""
ENDED = ("success", "error")
MAKERS = ("VirtualMachine.clone", "VirtualDiskManager.", "Folder.createVm", "ResourcePool.importVAppLRO")
query: Any = vmodl.query.PropertyCollector


def run(session: Session, call: Call, what: str, begin: Callable[[Any], Any]) -> Any:
    """Begin a task and wait for its end: its result. Its fault is raised as an error of the contract."""
    call.check()
    if not session.slots.acquire(timeout=call.remaining()):
        raise DeadlineExceeded(f"{what}: no slot became free in time", facts=Facts(started=False))
    try:
        try:
            task = session.ask(call, begin, safe=False)
        except vmodl.MethodFault as fault:
            raise TaskFailed(what, session, fault) from fault
        wait(session, call, what, task)
    finally:
        session.slots.release()
    ended = reads.one(session, call, task, "info.state", "info.error", "info.result")
    if ended is None:
        raise AnswerLost(f"{what}: vCenter has forgotten the task", facts=Facts(endpoint=session.config.endpoint))
    if ended.get("info.state") == "error":
        raise TaskFailed(what, session, ended.get("info.error"), str(task._moId))
    return ended.get("info.result")


class TaskFailed(Exception):
    """A task ended with a fault, or was refused with one. `error` is the contract's for it."""

    def __init__(self, what: str, session: Session, fault: Any, task: str = "") -> None:
        self.fault = getattr(fault, "fault", None) or fault
        self.error = typed(self.fault, what, session.config.endpoint, task)
        super().__init__(self.error.message)

    def of(self, *names: str) -> bool:
        """Whether the fault is one of these, by name."""
        return type(self.fault).__name__.rpartition(".")[2] in names


def wait(session: Session, call: Call, what: str, task: Any) -> None:
    """Until the task has ended; a task that vCenter no longer knows has."""
    while True:
        try:
            state = session.ask(call, lambda content: _next_state(content, task, call.remaining(LONGEST_WAIT)))
        except NOT_FOUND:
            return
        if state in ENDED:
            return
        if call.expires is not None and time.monotonic() >= call.expires:
            raise DeadlineExceeded(f"{what} goes on in vCenter, but its time is over")


def settle(session: Session, call: Call) -> None:
    """Wait for all makers of VMs and disks that vCenter has in hand: what they make can be seen afterwards."""
    running = session.ask(call, lambda content: list(content.taskManager.recentTask or []))
    states = reads.of(session, call, running, ("info.state", "info.descriptionId"))
    for task in running:
        values = states.get(task._moId, {})
        if values.get("info.state") not in (None, *ENDED) and str(values.get("info.descriptionId")).startswith(MAKERS):
            wait(session, call, "wait for an earlier task", task)


def _next_state(content: Any, task: Any, seconds: float) -> str | None:
    collector = content.propertyCollector.CreatePropertyCollector()
    try:
        wanted = query.PropertySpec(type=vim.Task, all=False, pathSet=["info.state"])
        start = query.ObjectSpec(obj=task, skip=False)
        collector.CreateFilter(query.FilterSpec(objectSet=[start], propSet=[wanted]), False)
        version, until, state = "", time.monotonic() + seconds, None
        while state not in ENDED and time.monotonic() < until:
            options = query.WaitOptions(maxWaitSeconds=max(1, int(until - time.monotonic())))
            updates = collector.WaitForUpdatesEx(version, options)
            if updates is None:
                break
            version = updates.version
            for change in (one for found in updates.filterSet for each in found.objectSet for one in each.changeSet):
                state = str(change.val)
        return state
    finally:
        collector.DestroyPropertyCollector()
