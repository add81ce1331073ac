"""The ports that a director's steps work with, and the `Io` made of them for one step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from director.engine import turn
from director.ports.agents import Agents
from director.ports.blobs import Blobs
from director.ports.clock import Clock
from director.ports.cloud import Clouds
from director.ports.secrets import Secrets
from director.ports.store import Store
from director.ports.task_log import TaskLog
from director.steps.boot_watch import BootWatch
from director.steps.found import Found
from director.steps.step import Io, Site

T = TypeVar("T")


@dataclass(frozen=True)
class UnitIo(Io):
    """`Io` whose status lines go to the progress of the unit, and whose waits end when its task is to stop."""

    tell: Callable[[str], None]

    def status(self, text: str) -> None:
        self.tell(text)

    async def wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        return await turn.current().wait(waiting)


@dataclass(frozen=True)
class Ports:
    """Everything a step may reach, made once per director by `main`."""

    store: Store
    clouds: Clouds
    agents: Agents
    blobs: Blobs
    secrets: Secrets
    clock: Clock
    site: Site
    boots: BootWatch = field(default_factory=BootWatch)

    def io(self, log: TaskLog, *, fence: int, call_key: str, tell: Callable[[str], None], found: Found) -> Io:
        """One step's hands."""
        return UnitIo(
            store=self.store,
            clouds=self.clouds,
            agents=self.agents,
            blobs=self.blobs,
            secrets=self.secrets,
            clock=self.clock,
            log=log,
            site=self.site,
            fence=fence,
            call_key=call_key,
            boots=self.boots,
            found=found,
            tell=tell,
        )
