"""The sync process: beside each server of an external bus, it keeps the server's users to what the store says."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
import yaml
from pydantic import ValidationError, field_validator

from director.adapters.bus.admission import NODE
from director.adapters.bus.users import UsersFile
from director.adapters.store.postgres import open_postgres
from director.adapters.store.postgres_place import PostgresPlace
from director.director_yml import DbSection, Section
from director.model.errors import BadRequest, DirectorError, Place
from director.model.rows import BusAgentRow, BusNodeRow, BusRow
from director.ports.store import Changes, Store

TERM = 15.0
PAUSE = 1.0

log = structlog.get_logger("bus-sync")


class BusSyncYml(Section):
    """``name`` of this server, one of its own in the cluster; ``db`` as in director.yml; the server's users file and pid file."""

    name: str
    db: DbSection
    users_file: Path
    pid_file: Path

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", value):
            raise ValueError("letters, digits, '.', '_' and '-' are expected")
        return value


def main(arguments: Sequence[str] | None = None) -> int:
    """``meristem director bus-sync --config bus-sync.yml``; 0 after an orderly stop, 1 with one sentence when it cannot start."""
    parser = argparse.ArgumentParser(
        prog="meristem director bus-sync", description="Keep the users of one nats-server to what the directors say."
    )
    parser.add_argument("-c", "--config", type=Path, required=True, help="bus-sync.yml")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(read(given.config)))
    except DirectorError as error:
        print(f"bus-sync: {error.description}", file=sys.stderr)
        return 1
    return 0


def read(path: Path) -> BusSyncYml:
    """The checked file; every fault is named by its key."""
    try:
        return BusSyncYml.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise BadRequest(f"Cannot read the configuration: {error.strerror}", place=Place(str(path))) from None
    except yaml.YAMLError as error:
        raise BadRequest(f"Not YAML: {error}", place=Place(str(path))) from None
    except ValidationError as error:
        faults = "\n".join(f"- /{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadRequest(f"The configuration has faults:\n{faults}", place=Place(str(path))) from None


async def serve(config: BusSyncYml) -> None:
    """Until SIGTERM or SIGINT. While the database is away the users stay as they are."""
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    users = UsersFile(config.users_file, config.pid_file)
    users.ensure()
    place = PostgresPlace(config.db.parameters(), wait=config.db.connection_wait_timeout)
    store = await open_postgres(place, name=f"{NODE}{config.name}")
    node = Node(config.name, store, users)
    works: list[asyncio.Task[Any]] = [asyncio.create_task(work) for work in (node.live(), node.follow())]
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    try:
        log.info("bus-sync started", name=config.name, users=str(config.users_file))
        await asyncio.wait([*works, stopping], return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            if work.done():
                work.result()
        await node.leave()
    finally:
        for work in (*works, stopping):
            work.cancel()
        await asyncio.gather(*works, stopping, return_exceptions=True)
        await store.close()


class Node:
    """One server: told of what moves, it writes, reloads, and says so in its row."""

    def __init__(self, name: str, store: Store, users: UsersFile, *, term: float = TERM) -> None:
        self._name = name
        self._store = store
        self._users = users
        self._term = term
        self._told = asyncio.Event()

    async def live(self) -> None:
        """Hold the lease by which directors know that this server is kept up to date, once it is."""
        await self._told.wait()
        while True:
            with contextlib.suppress(DirectorError):
                await self._store.acquire(f"{NODE}{self._name}", self._name, self._term)
            await asyncio.sleep(self._term / 3)

    async def leave(self) -> None:
        """Directors need not wait for this server any more."""
        with contextlib.suppress(DirectorError):
            lease = await self._store.acquire(f"{NODE}{self._name}", self._name, self._term)
            if lease is not None:
                await self._store.release(lease)

    async def follow(self) -> None:
        """For ever."""
        async for _ in self._store.follow(BusRow.TABLE):
            while True:
                if await self._once():
                    self._told.set()
                    break
                await asyncio.sleep(PAUSE)

    async def _once(self) -> bool:
        try:
            # the revision first: agents that come in between are more than it says, never less
            row = await self._store.get(BusRow, "bus")
            if row is None:
                return True  # no director has been here yet: what the file says is left alone
            agents = [one.agent_id for one in await self._store.find(BusAgentRow)]
            if await asyncio.to_thread(self._users.replace, agents):
                log.info("users written", agents=len(agents), revision=row.revision)
            # the lease before the row: whoever is woken by the row finds this server alive
            await self._store.acquire(f"{NODE}{self._name}", self._name, self._term)
            await self._tell(row.revision)
        except DirectorError as error:
            log.warning("not in step with the store", error=error.description)
            return False
        return True

    async def _tell(self, revision: int) -> None:
        told = BusNodeRow(name=self._name, revision=revision)
        if await self._store.get(BusNodeRow, told.key) != told:
            await self._store.commit(Changes(put=[told]))


if __name__ == "__main__":
    sys.exit(main())
