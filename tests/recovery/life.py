"""One life of a director in a realm. It can be killed between any two moments of its own, and frozen and woken late; what it sent is then on its
way all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.task_log import StoreTaskLog
from director.engine.ports import Ports
from director.engine.tasks import Runner
from director.model.plan import Step
from director.ports.clock import Clock
from director.service.handlers import handlers
from director.service.house import House
from tests.recovery.realm import Realm
from tests.recovery.workers import Workers

ACTING: ContextVar[Life | None] = ContextVar("acting", default=None)
"""Whose doing the running code is."""


class Killed(BaseException):
    """The director's process died here."""


Probed = Callable[["Life", str, Step], Awaitable[None]]


async def unseen(life: Life, point: str, step: Step) -> None:
    """Nobody watches."""


@dataclass
class Life:
    """``home``: lives of one home know of each other's death. ``moments`` counts its dealings with the store; ``fate`` is told each of them.
    ``finishes``: the calls of clouds that it has begun go on after its death, and it has not ended before they have; else they die with it."""

    realm: Realm
    home: str
    probed: Probed = unseen
    fate: Callable[[Life], None] | None = None
    finishes: bool = False
    dead: bool = False
    moments: int = 0
    died: asyncio.Event = field(default_factory=asyncio.Event)
    _awake: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self.realm.lives += 1
        self.owner = f"{self.home}#{self.realm.lives}"
        store = _Reach(self)
        realm = self.realm
        clock = _Clock(self)
        secrets = StoreSecrets(store, realm.directory / "master.key", "memory")  # type: ignore[arg-type]
        self.workers = Workers(realm.clouds, self._begins)
        clouds: Any = self.workers if self.finishes else realm.clouds
        self.ports = Ports(store, clouds, realm.agents, realm.blobs, secrets, clock, realm.site)  # type: ignore[arg-type]
        self.house = House(
            store=store,  # type: ignore[arg-type]
            clouds=clouds,
            agents=realm.agents,
            blobs=realm.blobs,
            secrets=secrets,
            templates=realm.templates,
            clock=clock,
            site=realm.site,
            spool=realm.directory,
        )
        self.runner = Runner(
            self.ports,
            handlers(self.house),
            lambda task: StoreTaskLog(store, task, clock, delay=0.5),  # type: ignore[arg-type]
            owner=self.owner,
            earlier=f"{self.home}#",
            probe=self._probe,
        )

    async def begin(self) -> None:
        """Take up what is there."""
        token = ACTING.set(self)
        try:
            await self.runner.start()
        finally:
            ACTING.reset(token)

    async def end(self) -> None:
        """The process ends: in order when it lives, torn off when it is dead."""
        await self.runner.stop(grace=0 if self.dead else 60)
        await self.workers.ended()

    def kill(self) -> None:
        """It does nothing any more, from now on."""
        self.dead = True
        self.died.set()

    def freeze(self, seconds: float) -> None:
        """It stands still, and wakes after so long without having noticed."""
        if self._awake is None:
            self._awake = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, self._wake)

    def _begins(self) -> None:
        if self.dead:
            raise Killed

    def _wake(self) -> None:
        assert self._awake is not None
        self._awake.set()
        self._awake = None

    @property
    def frozen(self) -> bool:
        return self._awake is not None

    async def go_on(self) -> None:
        """Passed wherever the director's own code goes on."""
        if self._awake is not None:
            await self._awake.wait()
        if self.dead:
            raise Killed

    async def moment(self) -> None:
        self.moments += 1
        if self.fate is not None:
            self.fate(self)
        await self.go_on()

    async def _probe(self, point: str, step: Step) -> None:
        await self.probed(self, point, step)
        await self.go_on()


async def answered() -> None:
    """An answer came: the director whose call it was goes on, if it can."""
    life = ACTING.get()
    if life is not None:
        await life.go_on()


class _Reach:
    """The store as one life sees it: killed before a commit or after it, and frozen before it knows of it."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def follow(self, topic: str) -> AsyncIterator[None]:
        return self._life.realm.store.follow(topic)

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._life.realm.store, name)

        async def reach(*arguments: Any, **options: Any) -> Any:
            await self._life.moment()
            value = await called(*arguments, **options)
            await self._life.go_on()
            return value

        setattr(self, name, reach)
        return reach


@dataclass
class _Clock(Clock):
    life: Life

    def now(self) -> float:
        return self.life.realm.clock.now()

    async def sleep(self, seconds: float) -> None:
        await self.life.realm.clock.sleep(seconds)
        await self.life.go_on()
