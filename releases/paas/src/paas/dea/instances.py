"""The instances of this DEA: in memory, and as a snapshot on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from paas.containers.client import Container, Process
from paas.dea.record import LIVE, Record, save
from paas.messages.dea import State


@dataclass
class Sample:
    """What an instance used at `at` (seconds since 1970): `cpu` a share of one core, memory and disk in bytes."""

    at: float
    cpu_ns: int
    cpu: float
    memory: int
    disk: int


@dataclass
class Instance:
    """One instance: its record, and what of it is under way."""

    record: Record
    container: Container | None = None
    process: Process | None = None
    task: asyncio.Task[None] | None = None
    shipping: asyncio.Task[None] | None = None
    sample: Sample | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Instances:
    """All of them; `news` are set whenever one comes, goes or turns, for whoever tells others of it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._all: dict[str, Instance] = {}
        self._moved = asyncio.Event()
        self.news: list[asyncio.Event] = []

    def add(self, instance: Instance) -> None:
        """There is one more."""
        self._all[instance.record.instance] = instance
        self._changed()

    def forget(self, instance: Instance) -> None:
        """There is one less."""
        instance.ended.set()
        if self._all.pop(instance.record.instance, None) is not None:
            self._changed()

    def turn(self, instance: Instance, state: State) -> None:
        """It is in another state from now on."""
        instance.record.turn(state)
        self._changed()

    def get(self, name: str) -> Instance | None:
        """One by its guid."""
        return self._all.get(name)

    def all(self) -> list[Instance]:
        """In the order in which they came."""
        return list(self._all.values())

    def records(self) -> list[Record]:
        """Their records."""
        return [instance.record for instance in self._all.values()]

    def reachable(self) -> list[Record]:
        """Those that routers may send requests to."""
        return [record for record in self.records() if record.state in ("RUNNING", "EVACUATING")]

    def live(self) -> list[Instance]:
        """Those that are there, or on their way in or out."""
        return [instance for instance in self._all.values() if instance.record.state in LIVE]

    def moved(self) -> None:
        """A cursor has moved: of that the snapshot is written a little later."""
        self._moved.set()

    def save(self) -> None:
        """Write the snapshot."""
        self._moved.clear()
        save(self._file, self.records())

    async def keep(self, seconds: float) -> None:
        """Write the snapshot `seconds` after cursors moved, for as long as the agent runs."""
        while True:
            await self._moved.wait()
            await asyncio.sleep(seconds)
            if self._moved.is_set():
                self.save()

    def _changed(self) -> None:
        self.save()
        for event in self.news:
            event.set()


def same_place(records: Iterable[Record], droplet: str, version: str, index: int) -> Record | None:
    """An instance that fills the place of another, or will soon."""
    place = (droplet, version, index)
    for record in records:
        if (record.droplet, record.version, record.index) == place and record.state in ("BORN", "STARTING", "RUNNING"):
            return record
    return None
