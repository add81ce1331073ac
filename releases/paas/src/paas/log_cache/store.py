"""The lines of all apps, within bounds: of lines for each app, of apps, and of memory."""

from __future__ import annotations

import time
from collections import OrderedDict

from paas.log_cache.config import Bounds
from paas.log_cache.ring import Entry, Ring
from paas.messages.log import LogLines


class Store:
    """Apps in the order of their last lines."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._rings: OrderedDict[str, Ring] = OrderedDict()
        self._heard: dict[str, float] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self._size

    def __len__(self) -> int:
        return len(self._rings)

    def get(self, app: str) -> Ring | None:
        """The app's lines; None where there are none."""
        return self._rings.get(app)

    def apps(self) -> list[str]:
        """All that have lines."""
        return list(self._rings)

    def add(self, lines: LogLines) -> None:
        """Keep them; what is too much goes."""
        if not lines.lines:
            return
        ring = self._rings.get(lines.app)
        if ring is None:
            ring = self._rings[lines.app] = Ring(self._bounds.lines)
        before = ring.size
        for line in lines.lines:
            text = line.text.encode(errors="replace")[: self._bounds.line_bytes]
            ring.add(line.at, Entry(text, lines.source, lines.instance, line.stream))
        self._size += ring.size - before
        self._rings.move_to_end(lines.app)
        self._heard[lines.app] = time.monotonic()
        while len(self._rings) > self._bounds.apps:
            self._forget(next(iter(self._rings)))
        while self._size > self._bounds.megabytes * 1024 * 1024:
            self._shrink()

    def forget_silent(self) -> None:
        """Apps that wrote nothing for as long as the bounds say."""
        limit = time.monotonic() - self._bounds.hours * 3600
        for app in [app for app, heard in self._heard.items() if heard < limit]:
            self._forget(app)

    def _shrink(self) -> None:
        # who has most loses the older half: one that writes much does not drive out the others
        app, ring = max(self._rings.items(), key=lambda one: one[1].size)
        before = ring.size
        ring.drop(len(ring) // 2 + 1)
        self._size -= before - ring.size
        if not ring.size:
            self._forget(app)

    def _forget(self, app: str) -> None:
        self._size -= self._rings.pop(app).size
        del self._heard[app]
