"""What only a server has: it goes away and comes back, and several directors write to it at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

from director.model.errors import BadRequest, LeaseLost, RowChanged
from director.model.rows import SettingRow, Task
from director.ports.store import Changes

pytest.importorskip("psycopg", reason="psycopg is not installed (extra 'postgres')")

from sqlalchemy import Connection, event, text

from director.adapters.store.listen import payloads
from director.adapters.store.outage import DatabaseAway
from director.adapters.store.postgres import open_postgres
from director.adapters.store.postgres_place import PostgresPlace
from director.adapters.store.postgres_writer import lock
from director.adapters.store.sql import SqlStore

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer

Open = Callable[..., Any]


def setting(name: str, value: str = "") -> Changes:
    return Changes(put=[SettingRow(name=name, value=value)])


@pytest.fixture
async def directors(postgres: PostgresServer, schema: str) -> AsyncIterator[Open]:
    """Opens stores on one database, as directors of the given names do."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(name: str, *, wait: float = 60, poll: float = 60) -> SqlStore:
            store = await open_postgres(postgres.place(schema, wait=wait), name=name, poll=poll)
            stack.push_async_callback(store.close)
            return store

        yield opened


async def test_of_two_directors_that_expect_the_same_row_one_writes(directors: Open) -> None:
    one, two = await directors("one"), await directors("two")
    wins = {"one": 0, "two": 0}

    async def count_up(store: SqlStore, name: str) -> None:
        while wins[name] < 25:
            row = await store.get(SettingRow, "count")
            raised = SettingRow(name="count", value=str(int(row.value) + 1 if row else 1))
            with contextlib.suppress(RowChanged):
                await store.commit(Changes(put=[raised], expect=[(SettingRow, "count", row)]))
                wins[name] += 1

    await asyncio.gather(count_up(one, "one"), count_up(two, "two"))
    assert await one.get(SettingRow, "count") == SettingRow(name="count", value="50")


async def test_ids_and_output_of_two_directors_do_not_mix(directors: Open) -> None:
    stores = [await directors("one"), await directors("two")]
    ids = await asyncio.gather(*(stores[n % 2].next_id("task") for n in range(40)))
    assert sorted(ids) == list(range(1, 41))
    await asyncio.gather(*(stores[n % 2].append_output(1, "debug", f"{n:03d}\n") for n in range(40)))
    whole, size = await stores[0].read_output(1, "debug")
    assert size == 160
    assert sorted(whole.split()) == [f"{n:03d}".encode() for n in range(40)]


async def test_three_that_open_an_empty_database_at_once_make_one_schema(
    postgres: PostgresServer, empty_schema: str
) -> None:
    place = postgres.place(empty_schema)
    one, two, three = await asyncio.gather(*(open_postgres(place, name=name) for name in ("one", "two", "three")))
    await one.commit(setting("a"))
    assert await two.get(SettingRow, "a") == await three.get(SettingRow, "a") == SettingRow(name="a", value="")
    for store in (one, two, three):
        await store.close()


async def woken(seen: list[int], count: int) -> None:
    """Long before anybody looks by himself."""
    async with asyncio.timeout(20):
        while len(seen) < count:
            await asyncio.sleep(0.005)


async def test_a_commit_of_one_director_wakes_the_other(directors: Open, postgres: PostgresServer) -> None:
    one, two = await directors("one"), await directors("two")
    seen: dict[str, list[int]] = {"tasks": [], "task/7": [], "lease/lock/a": []}

    async def follow(topic: str) -> None:
        async for _ in two.follow(topic):
            seen[topic].append(len(seen[topic]))

    followers = [asyncio.create_task(follow(topic)) for topic in seen]
    for times in seen.values():
        await woken(times, 1)
    await one.commit(Changes(put=[Task(id=7, type="t", description="d")]))
    await woken(seen["tasks"], 2)
    await woken(seen["task/7"], 2)
    lease = await one.acquire("lock/a", "one", 30)
    await one.release(lease)
    await woken(seen["lease/lock/a"], 2)
    # after a break of the listening connection everybody is woken: something may have been missed meanwhile
    before = len(seen["tasks"])
    with postgres.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    await woken(seen["tasks"], before + 1)
    for follower in followers:
        follower.cancel()


def test_long_lists_of_topics_are_told_in_several_payloads() -> None:
    topics = [f"task/{number:06d}" for number in range(2000)]
    found = payloads("me", topics)
    assert all(len(one.encode()) < 8000 and one.startswith("me\n") for one in found)
    assert [topic for one in found for topic in one.split("\n")[1:]] == topics
    assert payloads("me", []) == []


async def test_calls_wait_for_a_server_that_was_killed(directors: Open, postgres: PostgresServer) -> None:
    store = await directors("one")
    await store.commit(setting("before"))
    assert await store.get(SettingRow, "before")  # a reader has its connection
    postgres.kill()
    waiting = [
        asyncio.create_task(store.commit(setting("during"))),
        asyncio.create_task(store.get(SettingRow, "before")),
    ]
    await asyncio.sleep(0.7)
    assert not any(one.done() for one in waiting)
    postgres.start()
    async with asyncio.timeout(30):
        assert (await asyncio.gather(*waiting))[1] == SettingRow(name="before", value="")
    assert {row.name for row in await store.find(SettingRow)} == {"before", "during"}


async def test_a_server_that_stays_away_is_told_and_a_lease_cannot_be_proved(
    directors: Open, postgres: PostgresServer
) -> None:
    store = await directors("one", wait=0.6)
    lease = await store.acquire("task/1", "one", 30)
    postgres.kill()
    try:
        with pytest.raises(DatabaseAway, match=r"is not available.*connection_wait_timeout"):
            await store.commit(setting("x"))
        with pytest.raises(LeaseLost, match="cannot be proved"):
            await store.commit(setting("x"), lease=lease)
        with pytest.raises(DatabaseAway):
            await store.get(SettingRow, "x")
        with pytest.raises(DatabaseAway):
            await open_postgres(postgres.place("public", wait=0.2))
    finally:
        postgres.start()
    await store.commit(setting("y"), lease=lease)
    assert [row.name for row in await store.find(SettingRow)] == ["y"]


@pytest.mark.parametrize("landed", [True, False], ids=["committed", "not committed"])
async def test_a_commit_whose_answer_is_lost_is_done_once(
    directors: Open, postgres: PostgresServer, landed: bool
) -> None:
    """The server dies at the commit of a batch: just after it took effect, or just before. Either way each call answers as if nothing
    had happened, and what it did stands once."""
    store = await directors("one")
    other = await directors("two")
    await store.next_id("task")
    died: list[bool] = []
    commit = store._engine.dialect.do_commit  # pyright: ignore[reportPrivateUsage]

    loop = asyncio.get_running_loop()

    async def restart() -> None:  # on the test's own thread: a server ends with the thread that started it
        postgres.kill()
        postgres.start()

    def dies(connection: Any) -> None:
        if not died and connection.execute("SELECT pg_backend_pid()").fetchone() and b"writer" in _locks(connection):
            died.append(True)
            if landed:
                commit(connection)
            asyncio.run_coroutine_threadsafe(restart(), loop).result(30)
            if landed:
                connection.execute("SELECT 1")  # the answer is lost: this is how the driver finds out
        commit(connection)

    store._engine.dialect.do_commit = dies  # pyright: ignore[reportPrivateUsage]
    expected = setting("once") + Changes(expect=[(SettingRow, "once", None)])
    results = await asyncio.gather(
        store.commit(expected), store.next_id("task"), store.append_output(1, "debug", "line\n"), return_exceptions=True
    )
    assert died
    assert results == [None, 2, None]
    assert await other.read_output(1, "debug") == (b"line\n", 5)
    assert await other.next_id("task") == 3
    assert await other.get(SettingRow, "once")
    assert await store.next_id("task") == 4


def _locks(connection: Any) -> bytes:
    """b'writer' for the writing connection: it alone holds the writers' lock."""
    held = connection.execute(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    ).fetchone()
    return b"writer" if held else b""


async def test_random_kills_lose_and_double_nothing(directors: Open, postgres: PostgresServer) -> None:
    """Two directors count in rows and in output while the server is killed again and again, wherever it happens to be."""
    stores = [await directors("one"), await directors("two")]
    stop = asyncio.Event()
    counts = [0, 0]

    async def work(number: int) -> None:
        store = stores[number]
        while not stop.is_set():
            count = counts[number] + 1
            before = SettingRow(name=f"n{number}", value=str(count - 1)) if count > 1 else None
            after = SettingRow(name=f"n{number}", value=str(count))
            await asyncio.gather(
                store.commit(Changes(put=[after], expect=[(SettingRow, after.key, before)])),
                store.append_output(number, "debug", f"{count}\n"),
            )
            counts[number] = count

    workers = [asyncio.create_task(work(number)) for number in range(2)]
    for _ in range(3):
        await asyncio.sleep(0.25)
        postgres.kill()
        await asyncio.sleep(0.1)
        postgres.start()
    after_kills = list(counts)
    async with asyncio.timeout(60):
        while min(now - then for now, then in zip(counts, after_kills, strict=True)) < 6:
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*workers)
    for number, store in enumerate(stores):
        assert counts[number] > 5
        assert await store.get(SettingRow, f"n{number}") == SettingRow(name=f"n{number}", value=str(counts[number]))
        output, _ = await store.read_output(number, "debug")
        assert output.decode().split() == [str(n) for n in range(1, counts[number] + 1)]


async def test_a_director_frozen_inside_a_transaction_holds_nobody_up_for_long(
    directors: Open, postgres: PostgresServer, schema: str
) -> None:
    one = await directors("one")
    assert "idle_in_transaction_session_timeout=5000" in postgres.place(schema).arguments()["options"]
    shorter = postgres.place(schema, options="-c idle_in_transaction_session_timeout=1000")
    frozen = shorter.engine().connect()
    started = time.monotonic()
    lock(frozen)
    async with asyncio.timeout(30):
        await one.commit(setting("a"))
    assert time.monotonic() - started > 0.9, "it did not wait for the one that is frozen"
    with pytest.raises(Exception, match="idle-in-transaction"):
        frozen.execute(text("SELECT 1"))
    frozen.invalidate()
    frozen.close()


async def test_many_rows_go_in_few_statements_and_never_down_a_pipeline(directors: Open) -> None:
    store = await directors("one")
    statements: list[str] = []
    pipelined: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")  # pyright: ignore[reportPrivateUsage]
    def watch(_connection: Connection, _cursor: Any, text: str, *_rest: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        statements.append(text)

    @event.listens_for(store._engine, "do_executemany")  # pyright: ignore[reportPrivateUsage]
    def watch_many(_cursor: Any, text: str, *_rest: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        pipelined.append(text)

    started = time.perf_counter()
    await store.commit(Changes(put=[Task(id=n, type="t", description="d") for n in range(1, 3001)]))
    print(f"3000 rows: {(time.perf_counter() - started) * 1000:.0f} ms in {len(statements)} statements")
    assert len(statements) < 15
    assert pipelined == []
    assert len(await store.find(Task)) == 3000


async def test_what_libpq_does_not_know_is_refused_and_a_password_is_never_shown() -> None:
    place = PostgresPlace({"dbname": "bosh", "password": "hush", "pool_size": 3})
    with pytest.raises(BadRequest, match="pool_size is no connection parameter"):
        place.arguments()
    assert "hush" not in repr(place) + place.name


@pytest.mark.skipif(not os.environ.get("MERISTEM_MEASURE"), reason="a measurement; set MERISTEM_MEASURE")
async def test_how_long_a_commit_takes(directors: Open) -> None:
    store = await directors("one")
    lease = await store.acquire("task/1", "one", 30)
    started = time.perf_counter()
    for number in range(200):
        await store.commit(setting(f"s{number}"), lease=lease)
    print(f"one after the other: {(time.perf_counter() - started) * 5:.2f} ms each")
    started = time.perf_counter()
    await asyncio.gather(*(store.commit(setting(f"s{number}"), lease=lease) for number in range(1000)))
    print(f"1000 at once: {(time.perf_counter() - started):.2f} s")
