"""What came of a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cpi.conformance.case import Case

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """`seen`: what broke the case, or why it was skipped. `log`: the CPI's last words in it."""

    case: Case
    outcome: Outcome
    seconds: float
    seen: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole check. `left`: what it could not remove. `stopped`: it was cut short."""

    name: str
    way: str
    version: int
    declared: tuple[str, ...]
    results: tuple[Result, ...]
    left: tuple[str, ...] = ()
    stopped: bool = False

    def count(self, outcome: Outcome) -> int:
        """How many cases ended so."""
        return sum(result.outcome == outcome for result in self.results)

    @property
    def good(self) -> bool:
        """Nothing failed, nothing was left, nothing was left out."""
        return not self.count("failed") and not self.left and not self.stopped and bool(self.results)
