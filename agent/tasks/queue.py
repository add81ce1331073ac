"""One worker for all asynchronous tasks, in order of acceptance."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
from collections.abc import Callable
from typing import Any

from agent.errors import AgentError
from agent.tasks.call import Call
from agent.tasks.journal import DONE, RUNNING, Journal, Task

log = logging.getLogger(__name__)


class TaskQueue:
    """``perform`` runs an action; ``finished`` hears of each end; ``restart`` replaces the agent process."""

    def __init__(
        self,
        journal: Journal,
        perform: Callable[[Call], Any],
        finished: Callable[[Task], None],
        restart: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._perform = perform
        self._finished = finished
        self._restart = restart
        self._waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: Call | None = None
        self._thread = threading.Thread(target=self._work, name="tasks", daemon=True)

    def start(self) -> None:
        """Take up the unfinished tasks of an earlier process, then new ones."""
        for task in self._journal.unfinished():
            log.info("task %s (%s) is resumed", task.id, task.method)
            self._waiting.put(task)
        self._thread.start()

    def close(self) -> None:
        """Let the worker end after the present task."""
        self._waiting.put(None)

    def submit(self, task: Task) -> None:
        """Queue a task that the journal has accepted."""
        self._waiting.put(task)

    def is_unfinished(self, task_id: str) -> bool:
        """True while the task waits or runs. A task whose end needs a new process runs until that is there."""
        with self._lock:
            if self._current is not None and self._current.task.id == task_id:
                return True
        return self._journal.find(task_id).state != DONE

    def cancel(self, task_id: str) -> None:
        """Raise the cancel flag of a task, durably."""
        with self._lock:
            if self._current is not None and self._current.task.id == task_id:
                self._current.task.cancelled = True
                self._journal.save(self._current.task)
                self._current.cancel.set()
                return
            task = self._journal.find(task_id)
            if task.state != DONE:
                task.cancelled = True
                self._journal.save(task)

    def redirect(self, task_id: str, reply_to: str) -> None:
        """Push the end of an unfinished task to another subject: the director that asked has begun a new life."""
        with self._lock:
            current = self._current.task if self._current is not None else None
            task = current if current is not None and current.id == task_id else self._journal.find(task_id)
            if task.state != DONE and task.reply_to != reply_to:
                task.reply_to = reply_to
                self._journal.save(task, sync=False)

    def _work(self) -> None:
        while True:
            waiting = self._waiting.get()
            if waiting is None:
                return
            try:
                self._run(waiting)
            except Exception:
                log.exception("task %s could not be journaled", waiting.id)

    def _run(self, waiting: Task) -> None:
        with self._lock:
            task = self._journal.find(waiting.id)
            resumed = task.state == RUNNING
            task.state = RUNNING
            self._journal.save(task, sync=False)
            call = Call(task, self._journal, resumed=resumed)
            self._current = call
        log.info("task %s (%s) %s", task.id, task.method, "continues" if resumed else "begins")
        value: Any = None
        error: str | None = None
        try:
            value = self._perform(call)
        except AgentError as problem:
            error = str(problem)
        except Exception as problem:
            log.exception("task %s (%s) failed unexpectedly", task.id, task.method)
            error = f"{type(problem).__name__}: {problem}"
        log.info("task %s (%s) ends: %s", task.id, task.method, "done" if error is None else error)
        with self._lock:
            task.state, task.value, task.error = DONE, value, error
            task.arguments, task.notes = [], {}
            self._journal.save(task)
            shutil.rmtree(call.run_folder, ignore_errors=True)
            call.cancel.close()
            if call.restart_when_done and error is None:
                self._restart()
                return
            self._current = None
        self._finished(task)
