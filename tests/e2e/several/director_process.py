"""One of several directors on loopback: its own directory, ports and process."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.loopback.api import Api
from tests.e2e.loopback.world import launch


@dataclass
class Director:
    """It may be killed, frozen, woken and started again."""

    name: str
    directory: Path
    config: Path
    port: int
    api: Api
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "director.log"

    @property
    def home(self) -> str:
        """How leases name it."""
        return (self.directory / "state" / "director.lock").read_text().strip()

    def start(self) -> None:
        self.process = launch(self.config, self.log, self.port)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        self.api.close()
        if self.process is None or self.process.poll() is not None:
            return
        self.send(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
