"""``log.APP``: lines of an app's log on their way to the log caches."""

from __future__ import annotations

from typing import Literal

import msgspec


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `at` in nanoseconds since 1970."""

    at: int
    text: str
    stream: Literal["OUT", "ERR"] = "OUT"


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one source: ``APP/PROC/WEB``, ``STG``, ``CELL``, ``API`` or ``RTR``."""

    app: str
    source: str
    instance: str = "0"
    lines: list[LogLine]
