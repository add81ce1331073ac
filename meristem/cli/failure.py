"""The error a command ends with: one clear line and what to do."""

from __future__ import annotations


class CliError(Exception):
    """`message` is shown as one line; `remedy`, if any, follows it. The exit code is 1."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


class Detached(Exception):
    """Ctrl-C while a task was followed: the task goes on at the director."""

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id
        super().__init__(f"detached from task {task_id}")
