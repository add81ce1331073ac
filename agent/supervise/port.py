"""The port to a supervisor of job processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

RUNNING = "running"
STOPPED = "stopped"
STARTING = "starting"
FAILING = "failing"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Service:
    """One supervised process. ``state`` is running, starting or failing; sizes in KiB, times in seconds."""

    name: str
    state: str
    uptime: int = 0
    memory_kb: int = 0
    memory_percent: float = 0.0
    cpu_percent: float = 0.0


class Unreachable(Exception):
    """The supervisor cannot be asked."""


class Supervisor(Protocol):
    """All calls block; failures raise AgentError, ``services`` raises Unreachable."""

    def configure(self, files: dict[str, str]) -> None:
        """Make ``files`` (label -> text, in order of file name) the whole configuration."""
        ...

    def start(self) -> None:
        """Start every service of group vcap and keep it up."""
        ...

    def stop(self, timeout: float) -> None:
        """Stop every service and wait until its process has gone."""
        ...

    def unmonitor(self) -> None:
        """Leave the processes alone from now on."""
        ...

    def services(self) -> list[Service]: ...


def job_state(supervisor: Supervisor, *, stopped: bool) -> str:
    """The state of the whole instance (agent protocol, section 7)."""
    if stopped:
        return STOPPED
    try:
        states = {service.state for service in supervisor.services()}
    except Unreachable:
        return UNKNOWN
    if STARTING in states:
        return STARTING
    return FAILING if states - {RUNNING} else RUNNING
