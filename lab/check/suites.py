"""The test suites as pytest runs them: which folders, which marker, how many workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

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
    gives_way: bool = False
    """Whether it computes and waits for nothing outside: it runs beside those that wait for servers, and gives way to them."""
    idle: bool = False
    """Whether it waits for services of its own nearly all the time: it runs beside the others."""
    left_out: tuple[str, ...] = ()
    """Files and folders that this run does not take; another run of `bin/test` does."""
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

IN_TURN = ("tests/recovery/test_in_turn.py", "tests/recovery/test_in_turn_postgres.py")
CHAOS = "tests/e2e/several/test_chaos.py"
MEASUREMENTS = "tests/e2e/bench"
IN_LAB = ("tests/e2e/lab/test_kill.py", "tests/e2e/lab/test_cpi_check_lab.py")
"""Tests that repeat at length, on more servers, what shorter ones show, and whole measurements: a stage of their own."""

ALONE = tuple(f"tests/clouds/openstack/test_openstack_{name}.py" for name in ("outages", "waits", "balancers", "zones"))
"""In them services die or stand still, one more is in the catalogue, or a host changes its zone: nobody else can use OpenStack meanwhile."""

QUICK = [Suite("tests", ["tests/unit", "tests/contract"], "not lab", 4, left_out=LONG)]
CORE = [
    Suite("tests", ["tests/unit", "tests/contract", "tests/scenario"], "not lab", 4, left_out=LONG),
    Suite("e2e", ["tests/e2e"], "not lab", 3, left_out=(CHAOS, MEASUREMENTS)),
    Suite("recovery", ["tests/recovery"], "not lab", 2, dist="worksteal", gives_way=True, left_out=IN_TURN),
    Suite("lab", ["tests/contract/agent", "tests/lab", "tests/e2e/lab"], "lab", 0, root=True, left_out=IN_LAB),
]
PAAS = [
    Suite("paas", ["tests/paas"], "not lab", 3),
    Suite("paas in lab", ["tests/paas"], "lab", 0, root=True),
]
PROOF = [
    Suite("proof", [MEASUREMENTS, CHAOS, *IN_TURN, *LONG], "not lab", 2),
    Suite("proof in lab", [*IN_LAB], "lab", 0, root=True),
]
CLOUDS = [
    # Each with services of its own, which end with it.
    # Whole deployments, the kit and the rest side by side, on one OpenStack; then what needs it alone.
    Suite(
        "openstack",
        ["tests/clouds/several", "tests/clouds/openstack"],
        "clouds",
        3,
        root=True,
        idle=True,
        left_out=ALONE,
    ),
    Suite("alone", [*ALONE], "clouds", 0, root=True, idle=True),
    Suite("vsphere", ["tests/clouds/vsphere"], "clouds", 0, root=True, idle=True),
    # One deploys while the other tries the calls: a machine that boots keeps one core busy. Each has a libvirt of its own.
    Suite("machines", ["tests/clouds/libvirt", "tests/clouds/stemcells"], "clouds", 2, root=True),
]


@dataclass(frozen=True)
class Stage:
    """What one option of `bin/test` asks for; `checks`: the static ones come first."""

    suites: list[Suite]
    checks: bool = True


STAGES = {
    "": Stage(CORE),
    "--quick": Stage(QUICK),
    "--proof": Stage(PROOF, checks=False),
    "--clouds": Stage(CLOUDS, checks=False),
    "--paas": Stage(PAAS, checks=False),
    # the measurements late, when what runs beside the others has ended
    "--all": Stage(CORE + PAAS + PROOF),
}
"""Option -> stage; `--all` is what continuous integration runs."""


class Running:
    """A suite under way. `output`: where its words go, if not to the terminal."""

    def __init__(
        self, suite: Suite, top: Path, arguments: list[str], run_dir: Path, output: IO[str] | None = None
    ) -> None:
        self._suite = suite
        self._scratch = tempfile.TemporaryDirectory(prefix="meristem-junit-")
        self._report = Path(self._scratch.name) / "report.xml"
        self._begin = time.monotonic()
        environment = {**os.environ, "MERISTEM_RUN": str(run_dir)}
        command = _command(suite, top, arguments, self._report)
        if suite.gives_way:
            command = ["nice", "-n", "19", *command]
        self._pytest = subprocess.Popen(command, cwd=top, env=environment, stdout=output, stderr=output)

    def end(self) -> Outcome:
        """Wait for it, no longer than a suite may take."""
        late = False
        try:
            status = self._pytest.wait(max(0.0, LIMIT - (time.monotonic() - self._begin)))
        except subprocess.TimeoutExpired:
            self.stop()
            late, status = True, 1
        outcome = read_junit(self._suite.name, self._report, status, time.monotonic() - self._begin)
        if late:
            outcome.failures.append(f"{self._suite.name}: had not ended after {LIMIT / 60:.0f} minutes")
        self._scratch.cleanup()
        return outcome

    def stop(self) -> None:
        """End it, if it has not ended. Interrupted, it tells what it has seen, and its fixtures take down what they made."""
        for order, seconds in ((signal.SIGINT, 60), (signal.SIGTERM, 20), (signal.SIGKILL, None)):
            if self._pytest.poll() is None:
                self._pytest.send_signal(order)
                with suppress(subprocess.TimeoutExpired):
                    self._pytest.wait(seconds)


def run_suites(suites: list[Suite], top: Path, arguments: list[str], run_dir: Path) -> Iterator[Outcome]:
    """One after the other.

    Paths among `arguments` (tests/...) take the place of the folders of those suites that they belong to; the rest is passed on to pytest.
    """
    for suite in asked_for(suites, arguments):
        if suite.root and os.geteuid() != 0:
            yield Outcome(suite.name, 0, skips=[f"the {suite.name} suite: needs root, to make network namespaces"])
            continue
        print(f"--- {suite.name}", flush=True)
        running = Running(suite, top, arguments, run_dir)
        try:
            yield running.end()
        finally:
            running.stop()


def asked_for(suites: Sequence[Suite], arguments: list[str]) -> list[Suite]:
    """Those that the paths among `arguments` belong to; without paths, all."""
    own = [argument for argument in arguments if argument.startswith("tests/")]
    return [suite for suite in suites if not own or any(within(path, suite.folders) for path in own)]


def side_by_side(suites: Sequence[Suite], root: bool) -> tuple[list[Suite], list[list[Suite]]]:
    """Those that run one after the other, and what runs beside them: one lane of suites that give way, one of idle ones.

    Where nothing would be left to run beside, nothing does. Suites that need root are told to be left out by those in front.
    """
    lanes = [
        [suite for suite in suites if suite.gives_way],
        [suite for suite in suites if suite.idle and (root or not suite.root)],
    ]
    front = [suite for suite in suites if not any(suite in lane for lane in lanes)]
    return (front, lanes) if front else (list(suites), [[], []])


def within(path: str, folders: Sequence[str]) -> bool:
    """Whether a test's path (`tests/x/test_y.py::test_z`) lies in one of the folders or files."""
    file = PurePosixPath(path.partition("::")[0])
    return any(file.is_relative_to(folder) for folder in folders)


def _command(suite: Suite, top: Path, arguments: list[str], report: Path) -> list[str]:
    own = [argument for argument in arguments if argument.startswith("tests/")]
    rest = [argument for argument in arguments if argument not in own]
    paths = [path for path in own if within(path, suite.folders)] or [
        folder for folder in suite.folders if (top / folder).exists()
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-m", suite.marker, f"--junitxml={report}"]
    command += ["--durations=12", "--durations-min=2"]  # a test that has become slow is seen
    if suite.workers:
        # a worker that died is told, not tried again
        command += ["-n", str(suite.workers), "--dist", suite.dist, "--max-worker-restart=0"]
        # else files with one test would come last, and the longest tests have a file of their own
        command += ["--no-loadscope-reorder"]
    command += [f"--ignore={path}" for path in suite.left_out if not any(within(one, [path]) for one in own)]
    return [*command, *paths, *rest]
