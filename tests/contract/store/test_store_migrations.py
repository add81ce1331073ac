"""Upgrades of a database that is in use: what an earlier schema held is there afterwards, and an upgrade that fails changes nothing."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from director.adapters.store import migrate
from director.adapters.store.dialect import open_sqlite
from director.adapters.store.schema import HEAD, metadata
from director.adapters.store.sql import SqlStore, open_store
from director.model.briefs import TaskBrief
from director.model.errors import DirectorError
from director.model.rows import SettingRow, Task
from director.ports.store import Changes

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer

# as the first schema was written: statements of its own, so that later code has no hand in them
FIRST = """
INSERT INTO tasks (key, type, state, deployment, body) VALUES ('000000000007', 'deploy', 'processing', 'web',
  '{"id":7,"type":"deploy","description":"create deployment","state":"processing","deployment":"web","user":"admin"}');
INSERT INTO settings (key, body) VALUES ('uuid', '{"name":"uuid","value":"deadbeef"}');
INSERT INTO leases (name, owner, fence, expires_at) VALUES ('task/7', 'one', 3, 9999999999.5);
INSERT INTO sequences (name, value) VALUES ('task', 7);
INSERT INTO task_output (task_id, kind, start, size, data) VALUES (7, 'event', 0, 4, {bytes});
"""
NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9002", "{head}", None, None


def upgrade():
    with op.batch_alter_table("tasks") as table:
        table.add_column(sa.Column("origin", sa.Text(), nullable=False, server_default="here"))
        table.create_index("tasks_by_origin", ["origin", "key"])
    op.execute("UPDATE settings SET key = 'id' WHERE key = 'uuid'")
    {end}
"""


class Database:
    """One database of either kind, and how the store in it is opened."""

    def __init__(self, path: Path | None, server: PostgresServer | None = None, schema: str = "") -> None:
        self._path = path
        self._server = server
        self._schema = schema

    def engine(self) -> Engine:
        if self._server is not None:
            return self._server.place(self._schema).engine()
        assert self._path is not None
        return open_sqlite(self._path)

    async def open(self) -> SqlStore:
        if self._server is not None:
            from director.adapters.store.postgres import open_postgres

            return await open_postgres(self._server.place(self._schema))
        assert self._path is not None
        return await open_store(self._path)

    def fill(self) -> None:
        """With what the first schema's director had written."""
        migrate.upgrade(self.engine(), "0001")
        if self._server is not None:
            with self._server.connect() as connection:
                connection.execute(f"SET search_path TO {self._schema}")
                connection.execute(FIRST.replace("{bytes}", "'one\n'::bytea"))
        else:
            assert self._path is not None
            with sqlite3.connect(self._path) as connection:
                connection.executescript(FIRST.replace("{bytes}", "x'6f6e650a'"))


@pytest.fixture(params=["file", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "file":
        return Database(tmp_path / "director.db")
    return Database(None, request.getfixturevalue("postgres"), request.getfixturevalue("empty_schema"))


def next_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str = "") -> None:
    """A director that is one schema ahead of this one."""
    scripts = tmp_path / "scripts"
    shutil.copytree(Path(migrate.__file__).parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "9002_next.py").write_text(NEXT.format(head=HEAD, end=end))
    monkeypatch.setattr(migrate, "_HERE", scripts)
    monkeypatch.setattr(migrate, "HEAD", "9002")


async def check_first(store: SqlStore) -> None:
    """All that `FIRST` wrote is there and works on."""
    (task,) = await store.find(Task, state="processing", deployment="web")
    assert (task.id, task.description) == (7, "create deployment")
    assert [(one.id, one.user) for one in await store.find(TaskBrief, state="processing")] == [(7, "admin")]
    assert [(one.name, one.owner, one.fence) for one in await store.leases()] == [("task/7", "one", 3)]
    assert await store.read_output(7, "event") == (b"one\n", 4)
    await store.append_output(7, "event", "two\n")
    assert await store.read_output(7, "event") == (b"one\ntwo\n", 8)
    assert await store.next_id("task") == 8
    lease = await store.acquire("task/7", "one", 30)
    assert lease is not None
    assert lease.fence == 3
    await store.commit(Changes(put=[Task(id=8, type="t", description="d")]), lease=lease)
    assert [one.id for one in await store.find(Task)] == [7, 8]


async def test_an_empty_database_gets_the_schema_that_the_code_uses(database: Database) -> None:
    engine = database.engine()
    await asyncio.to_thread(migrate.upgrade, engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert migrate.revision(engine) == HEAD


async def test_what_the_first_schema_held_is_there_in_the_newest(database: Database) -> None:
    database.fill()
    store = await database.open()
    await check_first(store)
    assert await store.get(SettingRow, "uuid") == SettingRow(name="uuid", value="deadbeef")
    await store.close()


async def test_a_filled_database_is_upgraded_to_a_later_schema(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database.fill()
    next_version(monkeypatch, tmp_path)
    store = await database.open()
    await check_first(store)
    assert await store.get(SettingRow, "id") == SettingRow(name="uuid", value="deadbeef")
    await store.close()
    with database.engine().begin() as connection:
        assert set(connection.execute(text("SELECT origin FROM tasks")).scalars()) == {"here"}
        assert "tasks_by_state" in {one["name"] for one in inspect(connection).get_indexes("tasks")}
    assert migrate.revision(database.engine()) == "9002"


async def test_an_upgrade_that_fails_leaves_all_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database.fill()
    with monkeypatch.context() as later:
        next_version(later, tmp_path, end='raise RuntimeError("the disk is full")')
        with pytest.raises(RuntimeError, match="the disk is full"):
            await database.open()
    assert migrate.revision(database.engine()) == "0001"
    with database.engine().begin() as connection:
        assert "origin" not in {one["name"] for one in inspect(connection).get_columns("tasks")}
    store = await database.open()
    await check_first(store)
    assert await store.get(SettingRow, "uuid")
    await store.close()


async def test_a_newer_schema_is_refused_with_advice(database: Database) -> None:
    await (await database.open()).close()
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DirectorError, match=r"revision 9999.*newer director"):
        await database.open()
