"""Time, as a port: tests run it by hand."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Epoch seconds and waiting."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
