"""No supervisor: start and stop programs of monit files are run once, nobody restarts what dies. For trials."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time

from agent import durable
from agent.errors import AgentError
from agent.layout import Layout
from agent.process.command import SEARCH_PATH
from agent.supervise.monit_file import CheckedProcess, processes
from agent.supervise.port import FAILING, RUNNING, Service


class NoSupervisor:
    """Looks at pid files only."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def configure(self, files: dict[str, str]) -> None:
        folder = self._layout.monit_jobs
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.monitrc"):
            if path.stem not in files:
                path.unlink()
        for label, text in files.items():
            durable.write_text(folder / f"{label}.monitrc", text, mode=0o600)

    def start(self) -> None:
        for process in self._processes():
            if process.pid is None:
                self._run(process, process.start)

    def stop(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for process in self._processes():
            if process.pid is not None and process.stop:
                self._run(process, process.stop)
        for process in self._processes():
            while (pid := process.pid) is not None:
                if not process.stop:
                    os.kill(pid, signal.SIGTERM)
                if time.monotonic() > deadline:
                    raise AgentError(f"{process.name} (pid {pid}) did not stop within {timeout:.0f} s")
                time.sleep(0.05)

    def unmonitor(self) -> None:
        return

    def services(self) -> list[Service]:
        return [Service(p.name, RUNNING if p.pid is not None else FAILING) for p in self._processes()]

    def _processes(self) -> list[CheckedProcess]:
        texts = [path.read_text() for path in sorted(self._layout.monit_jobs.glob("*.monitrc"))]
        return [process for text in texts for process in processes(text)]

    @staticmethod
    def _run(process: CheckedProcess, program: str) -> None:
        done = subprocess.run(
            shlex.split(program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": SEARCH_PATH},
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            raise AgentError(f"{process.name}: {program} exited with {done.returncode}")
