"""Users of a bus of several servers: rows in the store, a sync process beside each server, and directors that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from director.adapters.bus.admission import NODE, StoredAdmission
from director.adapters.bus.users import UsersFile
from director.adapters.store.sql import SqlStore, open_store
from director.bus_sync import Node, read
from director.model.errors import BadRequest, DirectorError
from director.model.rows import BusAgentRow


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    opened = await open_store(":memory:")
    yield opened
    await opened.close()


class Server:
    """A server's users file and the sync process' work on it."""

    def __init__(self, path: Path, name: str, store: SqlStore) -> None:
        self.users = UsersFile(path / f"{name}.json", None)
        self.users.ensure()
        self.name = name
        self.store = store
        self.node = Node(name, store, self.users)
        self.works: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Server:
        self.works = [asyncio.create_task(one) for one in (self.node.live(), self.node.follow())]
        return self

    async def alive(self) -> None:
        """Return when directors wait for this server."""
        async with asyncio.timeout(20):
            while f"{NODE}{self.name}" not in {one.name for one in await self.store.leases(NODE)}:
                await asyncio.sleep(0.01)

    async def __aexit__(self, *_: object) -> None:
        for one in self.works:
            one.cancel()
        await asyncio.gather(*self.works, return_exceptions=True)

    def lets_in(self) -> frozenset[str]:
        """What the file says, read anew."""
        return UsersFile(self.users.path, None).agents


async def test_admitted_agents_are_in_every_servers_file_when_the_director_goes_on(
    store: SqlStore, tmp_path: Path
) -> None:
    one, other = StoredAdmission(store), StoredAdmission(store)
    await one.replace(["known"])
    async with Server(tmp_path, "bus-1", store) as first, Server(tmp_path, "bus-2", store) as second:
        await asyncio.gather(first.alive(), second.alive())
        await asyncio.gather(one.admit(["a", "b"]), other.admit(["c"]))
        for server in (first, second):
            assert server.lets_in() == {"known", "a", "b", "c"}
        await other.expel(["a"])
        await other.admit(["d"])
        for server in (first, second):
            assert server.lets_in() == {"known", "b", "c", "d"}


async def test_a_director_waits_for_living_sync_processes_only_and_not_for_ever(
    store: SqlStore, tmp_path: Path
) -> None:
    hasty, patient, admission = (StoredAdmission(store, wait=seconds) for seconds in (0.5, 30, 4))
    with pytest.raises(DirectorError, match=r"No server of the bus has let the new agents in.*behind are: none runs"):
        await hasty.admit(["a"])
    async with Server(tmp_path, "bus-1", store) as server:
        await patient.admit(["a"])
        assert server.lets_in() == {"a"}
        # a sync process that holds its lease and does nothing: waited for in vain, and the other server suffices
        assert await store.acquire(f"{NODE}bus-2", "bus-2", 30)
        async with asyncio.timeout(20):
            await admission.admit(["b"])
        assert server.lets_in() == {"a", "b"}


async def test_agents_that_came_to_nothing_go_after_a_week(store: SqlStore) -> None:
    await StoredAdmission(store, now=lambda: 0.0).replace(["old", "used"])
    await StoredAdmission(store, now=lambda: 6 * 86400.0).replace(["used"])
    assert {row.agent_id for row in await store.find(BusAgentRow)} == {"old", "used"}
    await StoredAdmission(store, now=lambda: 8 * 86400.0).replace(["used", "new"])
    assert {row.agent_id for row in await store.find(BusAgentRow)} == {"used", "new"}


def test_a_faulty_configuration_names_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "bus-sync.yml"
    path.write_text("name: a/b\ndb: {adapter: postgres, database: d}\nusers_file: /u\n")
    with pytest.raises(BadRequest, match=r"(?s)/name: .*/pid_file: "):
        read(path)
