"""The test suites as pytest runs them: which folders, which marker, how many workers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.check.outcome import Outcome, read_junit


@dataclass(frozen=True)
class Suite:
    """One pytest run. `workers` 0 means in one process: lab tests share the machine's two cores with what they boot.

    Unit and contract tests wait about as long as they work, so two workers share a core.
    """

    name: str
    folders: list[str]
    marker: str
    workers: int
    root: bool = False
    beside: bool = False
    """Mostly waits: it may run while the suites after it do."""
    left_out: tuple[str, ...] = ()
    """Files that this run does not take; another run of `bin/test` does."""
    dist: str = "loadfile"
    """How tests go to workers: a file's stay together, as they share what its fixtures start; or, where they share nothing but what each worker
    has, ``worksteal``: all workers end together."""


LIMIT = 25 * 60
"""Seconds after which a suite is ended: a run that hangs shall tell what it has seen."""

LONG = (
    "tests/contract/api/test_api_nasty.py",
    "tests/contract/cli/test_real_director.py",
    "tests/unit/cpi_sim/test_sim_director.py",
    "tests/unit/cpi_sim/test_sim_boots.py",
)
"""Tests that take whole deployments or thousands of requests, beside those of the folders of their own."""

QUICK = [Suite("tests", ["tests/unit", "tests/contract"], "not lab", 4, left_out=LONG)]
FULL = [
    Suite("lab", ["tests"], "lab", 0, root=True, beside=True),
    Suite("tests", ["tests/unit", "tests/contract", "tests/scenario"], "not lab", 4),
    Suite("recovery", ["tests/recovery"], "not lab", 2, dist="worksteal"),
    Suite("e2e", ["tests/e2e"], "not lab", 2),
]

CLOUDS = [Suite("clouds", ["tests/clouds"], "clouds", 0, root=True)]


class Running:
    """A suite under way. Of one that runs beside others the words are kept until its end."""

    def __init__(self, suite: Suite, top: Path, arguments: list[str], run_dir: Path) -> None:
        self._suite = suite
        self._scratch = tempfile.TemporaryDirectory(prefix="meristem-junit-")
        self._report = Path(self._scratch.name) / "report.xml"
        self._words = Path(self._scratch.name) / "words"
        self._begin = time.monotonic()
        environment = {**os.environ, "MERISTEM_RUN": str(run_dir)}
        with self._words.open("wb") as words:
            self._pytest = subprocess.Popen(
                _command(suite, top, arguments, self._report),
                cwd=top,
                env=environment,
                stdout=words if suite.beside else None,
                stderr=subprocess.STDOUT if suite.beside else None,
            )

    def end(self) -> Outcome:
        """Wait for it, no longer than a suite may take."""
        late = False
        try:
            status = self._pytest.wait(max(0.0, LIMIT - (time.monotonic() - self._begin)))
        except subprocess.TimeoutExpired:
            self.stop()
            late, status = True, 1
        if self._suite.beside:
            print(f"--- {self._suite.name} (ran beside)\n{self._words.read_text(errors='replace')}", flush=True)
        outcome = read_junit(self._suite.name, self._report, status, time.monotonic() - self._begin)
        if late:
            outcome.failures.append(f"{self._suite.name}: had not ended after {LIMIT / 60:.0f} minutes")
        self._scratch.cleanup()
        return outcome

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self._pytest.poll() is None:
            self._pytest.terminate()
            try:
                self._pytest.wait(20)
            except subprocess.TimeoutExpired:
                self._pytest.kill()
                self._pytest.wait()


def run_suites(suites: list[Suite], top: Path, arguments: list[str], run_dir: Path) -> Iterator[Outcome]:
    """One after the other; those that may run beside others begin in their turn and are waited for at the end.

    Paths among `arguments` (tests/...) take the place of the suites' folders; the rest is passed on to pytest.
    """
    beside: list[Running] = []
    try:
        for suite in suites:
            if suite.root and os.geteuid() != 0:
                reason = f"the {suite.name} suite: needs root, to make network namespaces"
                yield Outcome(suite.name, 0, skips=[reason])
                continue
            print(f"--- {suite.name}{' (runs beside the next ones)' if suite.beside else ''}", flush=True)
            running = Running(suite, top, arguments, run_dir)
            beside.append(running)
            if not suite.beside:
                yield running.end()
                beside.remove(running)
        while beside:
            yield beside[0].end()
            beside.pop(0)
    finally:
        for running in beside:
            running.stop()


def _command(suite: Suite, top: Path, arguments: list[str], report: Path) -> list[str]:
    own = [argument for argument in arguments if argument.startswith("tests/")]
    rest = [argument for argument in arguments if argument not in own]
    folders = own or [folder for folder in suite.folders if (top / folder).is_dir()]
    command = [sys.executable, "-m", "pytest", "-q", "-m", suite.marker, f"--junitxml={report}"]
    if suite.workers:
        # a worker that died is told, not tried again
        command += ["-n", str(suite.workers), "--dist", suite.dist, "--max-worker-restart=0"]
    command += [f"--ignore={path}" for path in suite.left_out if path not in own]
    return [*command, *folders, *rest]
