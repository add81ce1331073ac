"""remove_file: remove a file that bundle_logs made."""

from __future__ import annotations

from pathlib import Path

from agent.action import Action
from agent.errors import AgentError
from agent.tasks.call import Call
from agent.vm import Vm


def run(_vm: Vm, call: Call) -> str:
    """Argument: path, which is also the value. Repeatable."""
    path = call.text(0, "path")
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(f"remove_file: {path}: {error.strerror}") from None
    return path


ACTION = Action(run, changes=True)
