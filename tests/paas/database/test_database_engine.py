"""The kernel's database against a real PostgreSQL: migrations, transactions, a server that is killed and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from paas.database.config import DatabaseConfig
from paas.database.engine import Database
from paas.database.outage import DatabaseAwayError
from paas.database.transaction import Transaction
from paas.serve.config import ConfigError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.paas.database.database_place import own_database

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer

FIRST = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None

def upgrade():
    op.create_table("words", sa.Column("word", sa.Text, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("words", sa.Column("times", sa.Integer, server_default="1"))
"""


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[DatabaseConfig]:
    with own_database(postgres) as config:
        yield config


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.py").write_text(FIRST)
    return tmp_path


@pytest.fixture
async def database(place: DatabaseConfig, migrations: Path) -> AsyncIterator[Database]:
    one = await Database.open(place, "words", migrations)
    yield one
    await one.close()


async def _words(database: Database) -> list[str]:
    async def read(connection: Transaction) -> list[str]:
        return list((await connection.execute(text("SELECT word FROM words ORDER BY word"))).scalars())

    return await database.run(read)


async def test_of_many_that_start_at_once_one_migrates(place: DatabaseConfig, migrations: Path) -> None:
    many = await asyncio.gather(*(Database.open(place, "words", migrations) for _ in range(4)))
    try:
        assert await _words(many[3]) == []
    finally:
        for one in many:
            await one.close()


async def test_a_later_revision_is_added_and_what_is_there_stays(
    database: Database, place: DatabaseConfig, migrations: Path
) -> None:
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO words VALUES ('kept')"))
    (migrations / "0002_times.py").write_text(SECOND)
    again = await Database.open(place, "words", migrations)
    try:
        async with again.begin() as connection:
            assert (await connection.execute(text("SELECT word, times FROM words"))).all() == [("kept", 1)]
    finally:
        await again.close()


async def test_an_older_version_refuses_a_newer_schema(
    database: Database, place: DatabaseConfig, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (older / "0000_zero.py").write_text(FIRST.replace("0001", "0000"))
    with pytest.raises(ConfigError, match=r"words has a schema that this version does not know"):
        await Database.open(place, "words", older)


async def test_two_components_share_a_database(database: Database, place: DatabaseConfig, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "0001_first.py").write_text(FIRST.replace('"words"', '"others"'))
    second = await Database.open(place, "others", other)
    try:
        async with second.begin() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM words, others"))).scalar_one() == 0
    finally:
        await second.close()


async def test_an_exception_rolls_back_and_is_not_tried_again(database: Database) -> None:
    runs = 0

    async def work(connection: Transaction) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(text("INSERT INTO words VALUES ('once')"))
        await connection.execute(text("INSERT INTO words VALUES ('once')"))

    with pytest.raises(IntegrityError) as caught:
        await database.run(work)
    assert runs == 1 and await _words(database) == []
    assert "once" not in str(caught.value).split("DETAIL")[0]


async def test_more_transactions_than_connections_wait_for_their_turn(database: Database) -> None:
    async def work(transaction: Transaction) -> int:
        total = 0
        for _ in range(5):
            total += await transaction.scalar(text("SELECT 1"))
        return total

    assert await asyncio.wait_for(asyncio.gather(*(database.run(work) for _ in range(60))), 60) == [5] * 60


@pytest.mark.parametrize("steps", range(0, 40, 2))
async def test_whoever_is_cancelled_leaves_nothing_behind(database: Database, steps: int) -> None:
    """At any moment: while a connection is made, a statement runs, a transaction ends."""

    async def work(transaction: Transaction) -> None:
        await transaction.execute(text("INSERT INTO words VALUES ('cancelled'), ('too')"))
        await transaction.execute(text("SELECT pg_sleep(0.05)"))

    tasks = [asyncio.create_task(database.run(work))]
    await asyncio.wait(tasks, timeout=steps / 400)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await _words(database) in ([], ["cancelled", "too"]), "all or nothing"
    begun = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'paas-words' AND state LIKE 'idle in%'"
    async with database.begin() as transaction:
        assert await transaction.scalar(text(begun)) == 0
    for _ in range(10):
        await asyncio.wait_for(_words(database), 30)


async def test_work_outlives_a_server_that_is_killed_and_comes_back(
    postgres: PostgresServer, database: Database
) -> None:
    postgres.kill()

    async def add(connection: Transaction) -> None:
        await connection.execute(text("INSERT INTO words VALUES ('through')"))

    work = asyncio.create_task(database.run(add))
    await asyncio.wait({work}, timeout=0.5)
    assert not work.done()
    postgres.start()
    await asyncio.wait_for(work, 30)
    assert await _words(database) == ["through"]


async def test_patience_ends(postgres: PostgresServer, migrations: Path) -> None:
    with own_database(postgres, patience=0) as config:
        one = await Database.open(config, "words", migrations)
        postgres.kill()
        try:
            with pytest.raises(DatabaseAwayError, match=r"postgres at 127\.0\.0\.1"):
                await one.run(lambda transaction: transaction.execute(text("SELECT 1")))
        finally:
            postgres.start()
            await one.close()


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "no url of any kind"])
def test_a_url_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"postgresql\+psycopg://") as caught:
        DatabaseConfig(url=url).check()
    assert "secret" not in str(caught.value)
