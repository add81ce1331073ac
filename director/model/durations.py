"""How long steps have taken: what forecasts and the order of work go by."""

from __future__ import annotations

from typing import ClassVar

from director.model.row import Row

ANY = "*"


class DurationRow(Row, frozen=True, kw_only=True):
    """Steps of one kind on one CPI, of one subject (``deployment/group``, ``release/package``, ``compilation``; `ANY` for all).

    Seconds without waits that policy asks for (a watch's lower bound). ``mean`` and ``high`` (what nine in ten stay below) move with newer
    tasks; ``count`` is how many steps they come from.
    """

    TABLE: ClassVar[str] = "durations"

    kind: str
    cpi: str
    subject: str
    count: int
    mean: float
    high: float
    updated_at: float = 0

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.cpi}/{self.subject}"
