"""Errors of the agent. Each message is one sentence that reaches the operator through the director."""

from __future__ import annotations


class AgentError(Exception):
    """An action could not be done; the message names the place and what was expected."""


class ArgumentError(AgentError):
    """A request lacks an argument or carries one of the wrong shape."""


class UnknownMessage(AgentError):
    """The method is not known. Directors match the beginning of this text."""

    def __init__(self, method: str) -> None:
        super().__init__(f"unknown message {method}")


class StaleFence(AgentError):
    """The request comes from a director that has lost its lease."""

    def __init__(self, fence: int, highest: int) -> None:
        super().__init__(f"stale fence {fence}, already at {highest}")


class TaskNotFound(AgentError):
    """get_task or cancel_task named a task this agent does not know."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Task with id {task_id} could not be found")


class NotCancellable(AgentError):
    """cancel_task named a task of an action that cannot be cancelled."""

    def __init__(self, method: str) -> None:
        super().__init__(f"Cancelling {method} is not supported")


class Cancelled(AgentError):
    """The task was cancelled by request."""


class Interrupted(AgentError):
    """A script that must not be run twice was cut off, so its outcome is unknown."""


class DigestMismatch(AgentError):
    """A blob does not have the announced digest."""


class BlobError(AgentError):
    """A blob could not be fetched or stored."""


class SettingsError(AgentError):
    """The settings are missing or malformed."""


class CommandFailed(AgentError):
    """A program of the operating system failed."""

    def __init__(self, argv: list[str], code: int, stderr: str) -> None:
        self.code = code
        tail = stderr.strip()[-400:] or "no error output"
        super().__init__(f"{' '.join(argv)} exited with {code}: {tail}")
