"""What a stage came to, and the counts that are read from pytest's JUnit report."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Counts of one stage; `failures` and `skips` hold one line each, in the order of the report."""

    stage: str
    passed: int
    failures: list[str] = field(default_factory=list[str])
    skips: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def line(self) -> str:
        """One line for the summary table."""
        counts = f"{self.passed} passed, {len(self.failures)} failed, {len(self.skips)} skipped"
        return f"{self.stage:<14} {self.seconds:7.1f} s  {counts}"


def total(outcomes: list[Outcome]) -> str:
    """The closing line of a run."""
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(len(outcome.failures) for outcome in outcomes)
    skipped = sum(len(outcome.skips) for outcome in outcomes)
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def read_junit(stage: str, report: Path, exit_status: int, seconds: float) -> Outcome:
    """Counts from a JUnit file. A pytest that ended without a usable report, or unhappily without naming a failed test
    (usage error, crash, interrupt), is one failure; exit status 5 (nothing collected) is an empty stage."""
    passed = 0
    failures: list[str] = []
    skips: list[str] = []
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314 (our own pytest wrote it)
    except (OSError, ElementTree.ParseError):
        cases = []
    for case in cases:
        if case.get("name") is None:  # begun, and interrupted
            continue
        name = f"{case.get('classname', '')}::{case.get('name', '')}".removeprefix("::")
        if case.find("failure") is not None or case.find("error") is not None:
            failures.append(name)
        elif (skip := case.find("skipped")) is not None:
            skips.append(f"{name}: {skip.get('message', 'no reason given')}")
        else:
            passed += 1
    if exit_status not in (0, 5) and not failures:
        failures.append(f"{stage}: pytest ended with status {exit_status} without naming a failed test")
    return Outcome(stage, passed, failures, skips, seconds)
