"""The test suites as pytest runs them: which folders, which marker, how many workers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
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
    left_out: tuple[str, ...] = ()
    """Files that this run does not take; another run of `bin/test` does."""


LONG = (
    "tests/contract/api/test_api_nasty.py",
    "tests/contract/cli/test_real_director.py",
    "tests/unit/cpi_sim/test_sim_director.py",
    "tests/unit/cpi_sim/test_sim_boots.py",
)
"""Tests that take whole deployments or thousands of requests, beside those of the folders of their own."""

QUICK = [Suite("tests", ["tests/unit", "tests/contract"], "not lab", 4, left_out=LONG)]
FULL = [
    Suite("tests", ["tests/unit", "tests/contract", "tests/scenario"], "not lab", 4),
    Suite("recovery", ["tests/recovery"], "not lab", 2),
    Suite("e2e", ["tests/e2e"], "not lab", 2),
    Suite("lab", ["tests"], "lab", 0, root=True),
]


def run_suite(suite: Suite, top: Path, arguments: list[str], run_dir: Path) -> Outcome:
    """Run one suite. Paths among `arguments` (tests/...) take the place of the suite's folders; the rest is passed on as it is."""
    if suite.root and os.geteuid() != 0:
        return Outcome(suite.name, 0, skips=[f"the {suite.name} suite: needs root, to make network namespaces"])
    own = [argument for argument in arguments if argument.startswith("tests/")]
    rest = [argument for argument in arguments if argument not in own]
    folders = own or [folder for folder in suite.folders if (top / folder).is_dir()]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="meristem-junit-") as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", suite.marker, f"--junitxml={report}"]
        if suite.workers:
            # a file's tests stay together: they share what its fixtures start
            command += ["-n", str(suite.workers), "--dist", "loadfile"]
        command += [f"--ignore={path}" for path in suite.left_out if path not in own]
        environment = {**os.environ, "MERISTEM_RUN": str(run_dir)}
        done = subprocess.run([*command, *folders, *rest], cwd=top, env=environment, check=False)
        return read_junit(suite.name, report, done.returncode, time.monotonic() - begin)
