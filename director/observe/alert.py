"""What operators are told: severities as the field's (1 alert, 2 critical, 3 error, 4 warning)."""

from __future__ import annotations

from msgspec import Struct

SEVERITIES = {1: "alert", 2: "critical", 3: "error", 4: "warning"}


class Alert(Struct, frozen=True):
    """``source`` names what it is about, ``instance`` is ``group/uuid``."""

    severity: int
    title: str
    summary: str = ""
    source: str = ""
    deployment: str = ""
    instance: str = ""

    @property
    def text(self) -> str:
        """One line."""
        return f"{self.title}. {self.summary}" if self.summary else self.title

    @property
    def severity_name(self) -> str:
        """``critical``; unknown numbers are critical, as in the agent's contract."""
        return SEVERITIES.get(self.severity, "critical")
