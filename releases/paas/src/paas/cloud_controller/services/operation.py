"""``last_operation`` of instances and bindings: what goes on or was done last, as kept and as shown.

Kept beside what is shown: ``operation``, the broker's own name of it, and ``asked``: the broker works on it in the background.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["create", "update", "delete"]
State = Literal["initial", "in progress", "succeeded", "failed"]
SHOWN = ("type", "state", "description", "created_at", "updated_at")
DESCRIPTION_CHARACTERS = 5000


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def begun(kind: Kind, state: State = "initial") -> dict[str, Any]:
    """A new one."""
    now = _now()
    return {"type": kind, "state": state, "description": "", "created_at": now, "updated_at": now}


def moved(kept: dict[str, Any], state: State, description: str = "", **more: Any) -> dict[str, Any]:
    """The same, further on."""
    said = {"state": state, "description": description[:DESCRIPTION_CHARACTERS], "updated_at": _now()}
    return {**kept, **said, **more}


def shown(kept: dict[str, Any]) -> dict[str, Any]:
    """As in the API."""
    return {name: kept.get(name) for name in SHOWN} if kept else {}


def going_on(kept: dict[str, Any]) -> bool:
    """Whether it has not ended."""
    return kept.get("state") in ("initial", "in progress")


def is_now(kept: dict[str, Any], kind: Kind, *states: State) -> bool:
    """Whether it is of this kind and in one of these states."""
    return kept.get("type") == kind and kept.get("state") in states


def seconds(kept: dict[str, Any]) -> float:
    """For how long it has been going on."""
    begun_at = datetime.fromisoformat(kept["created_at"])
    return (datetime.now(UTC) - begun_at).total_seconds()
