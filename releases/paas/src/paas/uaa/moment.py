"""Times as UAA writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
