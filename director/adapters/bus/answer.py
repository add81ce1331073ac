"""What an agent answers (agent protocol §2), read without trust in its shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from director.model.errors import AgentError


@dataclass(frozen=True)
class Answer:
    """One message on a reply subject. ``fault`` is an exception's text; ``extension`` what our own agent adds under ``meristem``."""

    value: Any = None
    fault: str | None = None
    extension: dict[str, Any] | None = field(default=None)

    @property
    def pushed_task(self) -> str:
        """The agent's task whose end this message tells, or empty."""
        return str((self.extension or {}).get("agent_task_id", ""))

    @property
    def running_task(self) -> str:
        """The id of a task that still runs: having one is the only test (protocol §2)."""
        if self.fault is None and isinstance(self.value, dict) and self.value.get("agent_task_id"):
            return str(self.value["agent_task_id"])
        return ""

    def result(self, agent_id: str, method: str) -> Any:
        """The value; raises `AgentError` for an exception."""
        if self.fault is not None:
            raise AgentError(self.fault, agent_id=agent_id, method=method)
        return self.value


def read(data: bytes) -> Answer:
    """Never raises: what cannot be understood becomes a fault that says so."""
    try:
        message: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Answer(fault=f"The agent's answer is not JSON: {data[:80].decode(errors='replace')!r}")
    if not isinstance(message, dict):
        return Answer(fault=f"The agent's answer is not an object: {data[:80].decode(errors='replace')!r}")
    extension = message.get("meristem")
    extension = extension if isinstance(extension, dict) else None
    if "exception" in message:
        exception = message["exception"]
        text = exception.get("message") if isinstance(exception, dict) else exception
        return Answer(fault=str(text or "The agent reported an exception without a message"), extension=extension)
    if "value" not in message:
        return Answer(fault=f"The agent's answer has neither value nor exception: it has {sorted(message)}")
    return Answer(value=message["value"], extension=extension)
