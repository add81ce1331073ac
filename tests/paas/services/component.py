"""A component's process for tests: started with a configuration, awaited by its health, killed or ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

SOURCES = Path(__file__).resolve().parents[3] / "releases/paas/src"
DEADLINE = 30


class Component:
    """`module` as ``python3 -m MODULE --config FILE``; `health` is the port of its ``/healthz``."""

    def __init__(self, module: str, directory: Path, config: dict[str, Any], health: int, path: str = "") -> None:
        self.module = module
        self.config = config
        self._directory = directory
        self._health = health
        self._path = path
        self.log = directory / f"{module}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> subprocess.Popen[bytes]:
        """Returns at once."""
        file = self._directory / f"{self.module}.json"
        file.write_bytes(msgspec.json.encode(self.config))
        paths = f"{SOURCES}:{self._path}" if self._path else str(SOURCES)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", sys.executable, "-m", self.module, "--config", str(file)],
                env={**os.environ, "PYTHONPATH": paths},
                stdout=out,
                stderr=out,
            )
        return self.process

    def start(self) -> None:
        """Returns when it is healthy."""
        process = self.begin()
        deadline = time.monotonic() + DEADLINE
        while not self.healthy():
            assert process.poll() is None, f"{self.module} ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"{self.module} is not healthy:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.03)

    def healthy(self) -> bool:
        """Whether it says so itself."""
        try:
            with urlopen(f"http://127.0.0.1:{self._health}/healthz", timeout=5) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """SIGKILL: what it started lives on."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(DEADLINE)
            self.process = None


def eventually(holds: Any, what: str, seconds: float = DEADLINE) -> Any:
    """The first true answer of `holds`; the test fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.03)
    return answer
