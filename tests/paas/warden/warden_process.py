"""A warden as its own process, with mounts of its own: started, killed, started again, and looked through for what is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from paas.containers.client import WardenClient

SOURCES = Path(__file__).parents[3] / "releases/paas/src"
START_SECONDS = 30


class WardenProcess:
    """One warden in the network of the caller; `more` goes into its configuration."""

    def __init__(self, directory: Path, more: dict[str, Any] | None = None) -> None:
        self.directory = directory
        self.socket = str(directory / "warden.sock")
        self.client = WardenClient(self.socket)
        self.cgroup = f"warden-{uuid4().hex[:8]}"
        self.config: dict[str, Any] = {
            "socket": self.socket,
            "directory": str(directory / "data"),
            "cgroup": self.cgroup,
            "nameservers": ["10.99.0.53"],
            **(more or {}),
        }
        self._config_file = directory / "warden.json"
        self._config_file.write_text(json.dumps(self.config))
        self._holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sleep", "infinity"])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self.directory / "warden.log"

    @property
    def pid(self) -> int:
        """Of the running warden."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it, and wait until it serves."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("paas.warden"), env=_environment(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            await self.client.ready(START_SECONDS)
        except Exception:
            raise AssertionError(self.log.read_text()) from None

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Tell it to end."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(START_SECONDS)
            finally:
                process.kill()

    def inventory(self, *, clear: bool = False) -> dict[str, list[Any]]:
        """What it has on this machine."""
        command = self._command("paas.warden.inventory", *(["--clear"] if clear else []))
        done = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def remove(self) -> None:
        """End it, and take away all that it had."""
        self.stop()
        left = self.inventory(clear=True)
        self._holder.kill()
        self._holder.wait()
        assert not any(left.values()), left

    def _command(self, module: str, *more: str) -> list[str]:
        inside = ["nsenter", "-t", str(self._holder.pid), "-m", f"--wd={self.directory}"]
        return [*inside, sys.executable, "-m", module, "--config", str(self._config_file), *more]


@contextmanager
def warden_directory() -> Iterator[Path]:
    """A short path: those of unix sockets may have at most 107 letters."""
    directory = Path(tempfile.mkdtemp(prefix="wd-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES)}
