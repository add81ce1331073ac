"""Spans of time as people say them."""

from __future__ import annotations

from meristem.formats.values import Value


def span(seconds: Value) -> str:
    """`0.4 s`, `42 s`, `5 min 12 s`, `2 h 3 min`; empty for what is no number."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return ""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def positive(seconds: Value) -> bool:
    """Whether there is anything to say: a number that does not round to nothing."""
    return not isinstance(seconds, bool) and isinstance(seconds, (int, float)) and seconds >= 0.05
