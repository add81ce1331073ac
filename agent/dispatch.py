"""From a request's bytes to a reply's bytes. Knows nothing of the bus."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agent import actions
from agent.bus import messages
from agent.bus.messages import Request
from agent.errors import AgentError, NotCancellable
from agent.tasks.call import Call
from agent.tasks.fence import Fence
from agent.tasks.journal import Journal, Task
from agent.tasks.queue import TaskQueue

if TYPE_CHECKING:
    from agent.vm import Vm

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reply:
    """Where an answer goes, and its bytes."""

    subject: str
    payload: bytes


class Dispatcher:
    """Answers requests; ``push`` sends the result of a finished task and says whether it went out."""

    def __init__(self, vm: Vm, push: Callable[[Reply], bool], restart: Callable[[], None]) -> None:
        self._vm = vm
        self._push = push
        self._journal = Journal(vm.layout.tasks)
        self._fence = Fence(vm.layout.fence)
        self._queue = TaskQueue(self._journal, self._perform, self._tell, restart)

    def start(self) -> None:
        """Resume unfinished tasks."""
        self._queue.start()

    def close(self) -> None:
        """End the worker after the present task."""
        self._queue.close()

    def tell_unpushed(self) -> None:
        """Push the results that could not go out before: called on each new connection."""
        for task in self._journal.unpushed():
            self._tell(task)

    def handle(self, raw: bytes) -> Reply | None:
        """The reply to one request; None when there is nobody to answer."""
        reply = self.reply(raw)
        return reply if reply is not None and reply.subject else None

    def reply(self, raw: bytes) -> Reply | None:
        """The reply to one request, with an empty subject if it names none; None to what is no request."""
        try:
            request = messages.parse(raw)
        except ValueError as error:
            log.warning("request ignored: %s", error)
            return None
        try:
            answer = {"value": self._answer(request)}
        except AgentError as error:
            log.info("%s refused: %s", request.method, error)
            answer = messages.exception(str(error))
        except Exception as error:
            log.exception("%s failed unexpectedly", request.method)
            answer = messages.exception(f"{type(error).__name__}: {error}")
        return Reply(request.reply_to, messages.encode(answer))

    def _answer(self, request: Request) -> Any:
        self._fence.check(request.fence)
        if request.method == "get_task":
            return self._get_task(request.text_argument("task id"))
        if request.method == "cancel_task":
            return self._cancel(request.text_argument("task id"))
        action = actions.find(request.method)
        earlier = self._journal.by_key(request.key)
        if earlier is not None:
            return earlier.value if earlier.synchronous else self._again(earlier.id, request)
        task = Task(
            id=str(uuid.uuid4()),
            method=request.method,
            arguments=request.arguments,
            protocol=request.protocol,
            reply_to=request.reply_to,
            push=request.extended and bool(request.reply_to),
            key=request.key,
        )
        if action.asynchronous:
            accepted = self._journal.accept(task)
            if accepted is not task:
                return self._again(accepted.id, request)
            self._queue.submit(task)
            return _running(accepted.id)
        task.synchronous = True
        task.push = False
        call = Call(task, self._journal)
        try:
            task.value = action.run(self._vm, call)
        finally:
            call.cancel.close()
        if action.changes and task.key:
            task.state, task.arguments = "done", []
            self._journal.accept(task)
        return task.value

    def _again(self, task_id: str, request: Request) -> Any:
        """A repeated request: the task is the one that it began, its end is told to who asked last."""
        if request.extended and request.reply_to:
            self._queue.redirect(task_id, request.reply_to)
        return _running(task_id)

    def _perform(self, call: Call) -> Any:
        return actions.find(call.task.method).run(self._vm, call)

    def _get_task(self, task_id: str) -> Any:
        if self._queue.is_unfinished(task_id):
            return _running(task_id)
        task = self._journal.find(task_id)
        if task.error is not None:
            raise AgentError(f"Task {task_id} result: {task.error}")
        return task.value

    def _cancel(self, task_id: str) -> str:
        task = self._journal.find(task_id)
        if not actions.find(task.method).cancellable:
            raise NotCancellable(task.method)
        self._queue.cancel(task_id)
        return "canceled"

    def _tell(self, task: Task) -> None:
        if not task.push or task.pushed:
            return
        body: dict[str, Any] = {"meristem": {"agent_task_id": task.id}}
        if task.error is None:
            body["value"] = task.value
        else:
            body.update(messages.exception(f"Task {task.id} result: {task.error}"))
        if self._push(Reply(task.reply_to, messages.encode(body))):
            task.pushed = True
            # At worst it is pushed a second time.
            self._journal.save(task, sync=False)


def _running(task_id: str) -> dict[str, str]:
    return {"agent_task_id": task_id, "state": "running"}


def parse_reply(payload: bytes) -> dict[str, Any]:
    """The JSON of a reply (for trials without a bus)."""
    return cast("dict[str, Any]", json.loads(payload))
