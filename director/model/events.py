"""Entries of a task's event output (director API §4.1)."""

from __future__ import annotations

from msgspec import Struct, field


class Progress(Struct, frozen=True, omit_defaults=False):
    """One line of progress; ``state`` is started, in_progress, finished or failed; ``data`` holds status or error."""

    time: int
    stage: str
    tags: tuple[str, ...]
    total: int | None
    task: str
    index: int
    state: str
    progress: int
    data: dict[str, str] = field(default_factory=dict)
