"""What runs beside other suites: a check, then suites that compute where those wait, or wait where those compute."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock, Thread

from lab.check.outcome import Outcome
from lab.check.suites import Running, Suite


class Beside(Thread):
    """One after the other, in the background; what a suite says is shown when it has ended."""

    def __init__(
        self,
        check: Callable[[Path], Outcome] | None,
        suites: Sequence[Suite],
        top: Path,
        arguments: list[str],
        run_dir: Path,
    ) -> None:
        super().__init__(name="beside")
        self._check = check
        self._suites = suites
        self._top = top
        self._arguments = arguments
        self._run_dir = run_dir
        self._lock = Lock()
        self._running: Running | None = None
        self._stopped = False
        self._outcomes: list[Outcome] = []

    def run(self) -> None:
        if self._check is not None:
            self._outcomes.append(self._check(self._top))
        for suite in self._suites:
            with tempfile.TemporaryFile("w+", prefix="meristem-output-") as output:
                with self._lock:
                    if self._stopped:
                        return
                    self._running = Running(suite, self._top, self._arguments, self._run_dir, output)
                self._outcomes.append(self._running.end())
                output.seek(0)
                print(f"\n--- {suite.name}\n{output.read()}", end="", flush=True)

    def outcomes(self) -> list[Outcome]:
        """Wait for all of it."""
        self.join()
        names = [one.stage for one in self._outcomes]
        lost = [suite.name for suite in self._suites if suite.name not in names]
        return [*self._outcomes, *(Outcome(name, 0, [f"{name}: did not run to its end"]) for name in lost)]

    def stop(self) -> None:
        """End the suite that is under way, begin no other."""
        with self._lock:
            self._stopped = True
            if self._running is not None:
                self._running.stop()
        self.join()
