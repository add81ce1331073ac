"""A task's event output: one JSON object per line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from meristem.formats.values import as_value, is_hash, strings, text_or_none


@dataclass(frozen=True)
class TaskEvent:
    """One line. `key` pairs an item's start, progress and end."""

    time: int
    stage: str
    tags: tuple[str, ...]
    task: str
    state: str
    status: str
    failure: str
    kind: str
    message: str
    total: int
    index: int

    @property
    def key(self) -> tuple[str, tuple[str, ...], str]:
        """Stage, tags, task."""
        return self.stage, self.tags, self.task

    @property
    def title(self) -> str:
        """`Updating instance web`."""
        return f"{self.stage} {', '.join(self.tags)}" if self.tags else self.stage


def parse(line: str) -> TaskEvent | None:
    """An event; None for a line that is none."""
    try:
        entry = as_value(json.loads(line))
    except ValueError:
        return None
    if not is_hash(entry):
        return None
    data, error = entry.get("data"), entry.get("error")

    def number(name: str) -> int:
        value = entry.get(name)
        return int(value) if isinstance(value, (int, float)) else 0

    def text(name: str) -> str:
        return text_or_none(entry.get(name)) or ""

    failed = text_or_none(error.get("message")) if is_hash(error) else None
    return TaskEvent(
        time=number("time"),
        stage=text("stage"),
        tags=tuple(strings(entry.get("tags"))),
        task=text("task"),
        state=text("state"),
        status=(text_or_none(data.get("status")) or "") if is_hash(data) else "",
        failure=failed or ((text_or_none(data.get("error")) or "") if is_hash(data) else ""),
        kind="failure" if is_hash(error) else text("type"),
        message=text("message"),
        total=number("total"),
        index=number("index"),
    )


def clock(seconds: int) -> str:
    """`15:04:05` (UTC)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def full_time(seconds: float) -> str:
    """`Mon Jan  2 15:04:05 UTC 2006`; empty for 0."""
    if not seconds:
        return ""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S UTC %Y}"


def duration(seconds: float) -> str:
    """`00:01:05`."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
