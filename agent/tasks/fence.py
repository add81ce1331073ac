"""The highest fence seen: a director that lost its lease is refused."""

from __future__ import annotations

import threading
from pathlib import Path

from agent import durable
from agent.errors import StaleFence
from agent.shapes import object_or_empty


class Fence:
    """Durable and monotonic."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        stored = object_or_empty(durable.read_json(path)).get("fence")
        self._highest = stored if isinstance(stored, int) else 0

    def check(self, fence: object) -> None:
        """Raise StaleFence if ``fence`` (an int, or None for no fence) is lower than one seen before."""
        if not isinstance(fence, int):
            return
        with self._lock:
            if fence < self._highest:
                raise StaleFence(fence, self._highest)
            if fence > self._highest:
                durable.write_json(self._path, {"fence": fence})
                self._highest = fence
