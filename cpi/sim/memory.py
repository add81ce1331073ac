"""What a simulated agent knows, and keeps over a restart of its process."""

from __future__ import annotations

from typing import Any

import msgspec

KEPT = 100
RUNNING, DONE = "running", "done"


class Task(msgspec.Struct):
    """One accepted request. `error` is the message of a failure."""

    id: str
    method: str
    arguments: list[Any]
    reply_to: str = ""
    push: bool = False
    key: str = ""
    state: str = RUNNING
    value: Any = None
    error: str | None = None
    told: bool = False


class Memory(msgspec.Struct):
    """`update` is what update_settings brought; `hints` by disk CID; `did` counts actions by name."""

    spec: dict[str, Any] = {}
    update: dict[str, Any] = {}
    hints: dict[str, Any] = {}
    mounted: list[str] = []
    job_state: str = "running"
    fence: int = 0
    tasks: dict[str, Task] = {}
    did: dict[str, int] = {}
    dns_version: int = 0

    def by_key(self, key: str) -> Task | None:
        """The task that was accepted under a key."""
        return next((task for task in self.tasks.values() if task.key == key), None) if key else None

    def accept(self, task: Task) -> None:
        """Keep a task; the oldest finished ones are forgotten."""
        self.tasks[task.id] = task
        if len(self.tasks) > KEPT:
            done = [one.id for one in self.tasks.values() if one.state == DONE]
            for task_id in done[: len(self.tasks) - KEPT]:
                del self.tasks[task_id]


def load(body: str | None) -> Memory:
    """From the inventory; a new one if there is nothing."""
    return Memory() if body is None else msgspec.json.decode(body, type=Memory)


def dump(memory: Memory) -> str:
    """For the inventory."""
    return msgspec.json.encode(memory).decode()
