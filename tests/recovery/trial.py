"""One deed in a realm, by as many directors as it takes, with whatever disturbs it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from director.model.plan import Step
from director.model.rows import InstanceRow, Task, VmRow
from tests.recovery import invariants
from tests.recovery.disturb import Trouble
from tests.recovery.life import Killed, Life, Probed, answered
from tests.recovery.realm import OPEN, Realm
from tests.recovery.stories import Deed
from tests.recovery.watcher import Watcher

Seen = tuple[str, int, str, str, dict[str, Any], int, str | None]
"""An instance: group, index, AZ, wanted state, cloud properties, size of its disk, state of its jobs if they are wanted to run."""

LONGEST = 2 * 3600.0
"""Virtual seconds that a deed may take."""


@dataclass
class Stage:
    """Where deeds happen: a realm and who watches it."""

    realm: Realm
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = Watcher(self.realm)
        self.watcher.watch()
        self.realm.cloud.script.answered = answered
        self.realm.agents.script.answered = answered

    def pace(self, seed: int) -> None:
        """How long calls take, from now on."""
        dice = random.Random(f"pace {seed}")
        self.realm.cloud.script.seconds = lambda method: (dice.random() * 4, dice.random())
        self.realm.agents.script.seconds = lambda method: (dice.random() * 0.4, dice.random() * 0.2)

    async def do(
        self,
        deed: Deed,
        trouble: Trouble | None = None,
        *,
        again: bool = False,
        second: bool = False,
        rest: float = 0,
        probed: Probed | None = None,
        fate: Callable[[Life], None] | None = None,
        finishes: bool = False,
    ) -> Task:
        """The deed as a task, to whatever end."""
        realm = self.realm
        if deed.lost >= 0 and not again:
            await realm.vanish(deed.lost)

        async def seen(life: Life, point: str, step: Step) -> None:
            await self.watcher.probed(life, point, step)
            if trouble is not None:
                await trouble.point(life, point, step)
            if probed is not None:
                await probed(life, point, step)

        def begin(home: str) -> Life:
            told = fate or (trouble.moment if trouble else None)
            return Life(realm, home, probed=seen, fate=told, finishes=finishes)

        crew = [_Home(name, begin, rest) for name in (("one", "two") if second else ("one",))]
        type_, request = deed.request(again=again)
        created = await crew[0].life.runner.create(type_, type_, request=request, deployment="d")
        if trouble is not None:
            trouble.task_id = created.id
            trouble.prepare()
        task = await self._through(deed, created.id, crew)
        if trouble is not None and any(one.kind == "freeze" for one in trouble.struck):
            await asyncio.sleep(40)  # a late waker has its chance to do harm
        await self._end(crew)
        return task

    async def resume(self, deed: Deed, number: int) -> Task:
        """A director finds this task, which another left behind, and brings it to whatever end."""
        crew = [_Home("one", lambda home: Life(self.realm, home, probed=self.watcher.probed), 0)]
        task = await self._through(deed, number, crew)
        await self._end(crew)
        return task

    async def _through(self, deed: Deed, number: int, crew: list[_Home]) -> Task:
        self.watcher.widths = deed.widths
        self.watcher.note_quorum(await self._started())
        self.watcher.attend(number)
        for one in crew:
            one.begin()
        try:
            async with asyncio.timeout(LONGEST):
                async for _ in self.realm.store.follow(f"task/{number}"):
                    if (await self.realm.task(number)).state not in OPEN:
                        break
        except TimeoutError:
            self.watcher.wrong(f"task {number} never ended")
        while any(one.life.frozen for one in crew):
            await asyncio.sleep(5)
        return await self.realm.task(number)

    async def _end(self, crew: list[_Home]) -> None:
        if any(one.life.dead for one in crew):
            await asyncio.sleep(31)  # it died when all was done but to give its leases back: they run out
        for one in crew:
            await one.end()
        await self.realm.agents.close()
        self.watcher.followers = []
        self.watcher.judge_quorum(await self._started())

    async def _started(self) -> set[str]:
        rows = await self.realm.store.find(InstanceRow, deployment="d")
        return {row.id for row in rows if row.state == "started"}

    async def wrongs(self, since: int) -> list[str]:
        """What is wrong now or was on the way."""
        realm = self.realm
        found = await invariants.wrongs(realm.store, realm.cloud.inventory, realm.agents, since=since)
        return [*self.watcher.wrongs, *found]

    async def picture(self) -> str:
        realm = self.realm
        return await invariants.picture(realm.store, realm.cloud.inventory, realm.agents, without=invariants.BRIEF)

    async def lost_orphans(self) -> set[str]:
        """Keys of orphaned VMs that are listed but no longer there."""
        there = self.realm.cloud.inventory.vms
        rows = await self.realm.store.find(VmRow)
        return {row.object_key for row in rows if row.orphaned_at is not None and row.cid not in there}

    async def gist(self) -> list[Seen]:
        """The end state without what depends on how often it was tried."""
        found: list[Seen] = []
        for row in await self.realm.instances():
            guest = self.realm.agents.guest(row.agent_id) if row.agent_id else None
            spec = row.applied
            disk = spec.disk.size if spec is not None and spec.disk else 0
            vm = spec.vm.cloud_properties if spec is not None else {}
            runs = guest.job_state if guest is not None and row.state == "started" else None
            found.append((row.group, row.index, row.az, row.state, vm, disk, runs))
        return found


class _Home:
    """One director's place: when a life ends there by death, the next begins."""

    def __init__(self, name: str, begin: Callable[[str], Life], rest: float) -> None:
        self._name = name
        self._begin = begin
        self._rest = rest
        self.life: Life = begin(name)
        self._keeping: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Lives begin and end here from now on."""
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            with suppress(Killed):
                await self.life.begin()
            await self.life.died.wait()
            await self.life.end()
            await asyncio.sleep(self._rest)
            self.life = self._begin(self._name)

    async def end(self) -> None:
        """The last life ends in order."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self.life.end()
