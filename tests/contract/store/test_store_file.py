"""What only a file has: it survives, other processes see it, and it stays quick when it grows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from alembic.script import ScriptDirectory

from director.adapters.store import migrate
from director.adapters.store.schema import HEAD
from director.adapters.store.sql import open_store
from director.model.rows import Task
from director.ports.store import Changes


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    assert ScriptDirectory(str(Path(migrate.__file__).parent)).get_current_head() == HEAD


async def test_rows_survive_and_another_store_on_the_file_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "director.db"
    one = await open_store(path)
    two = await open_store(path)
    row = Task(id=1, type="t", description="d")
    await one.commit(Changes(put=[row]))
    assert await two.get(Task, row.key) == row
    assert (await one.next_id("task"), await two.next_id("task")) == (1, 2)
    assert await one.acquire("a", "one", 30)
    assert await two.acquire("a", "two", 30) is None
    await one.close()
    await two.close()
    three = await open_store(path)
    assert await three.get(Task, row.key) == row
    assert await three.next_id("task") == 3
    await three.close()


async def test_commits_that_wait_together_share_transactions(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "director.db")
    await asyncio.gather(*(store.commit(Changes(put=[Task(id=n, type="t", description="d")])) for n in range(500)))
    assert store.batches < 50
    assert len(await store.find(Task)) == 500
    await store.close()


async def test_the_newest_of_100000_tasks_are_listed_quickly(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "director.db")
    for base in range(0, 100_000, 20_000):
        rows = [
            Task(id=n, type="deploy", description="d" * 60, state="done", deployment=f"d{n % 7}")
            for n in range(base + 1, base + 20_001)
        ]
        await store.commit(Changes(put=rows))
    await store.commit(Changes(put=[Task(id=100_001, type="deploy", description="d", state="processing")]))
    started = time.process_time()
    newest = await store.find(Task, newest_first=True, limit=30)
    older = await store.find(Task, newest_first=True, limit=30, before=newest[-1].key)
    current = await store.find(Task, state=["processing", "cancelling", "queued"], newest_first=True, limit=30)
    shown = await store.find(Task, type=["deploy", "errand", "logs"], newest_first=True, limit=30)
    of_one = await store.find(Task, deployment="d3", type=["deploy", "errand"], newest_first=True, limit=30)
    taken = time.process_time() - started
    assert [one.id for one in newest[:2]] == [100_001, 100_000]
    assert older[0].id == newest[-1].id - 1
    assert [one.id for one in current] == [100_001]
    assert len(of_one) == 30
    assert [one.id for one in shown] == [one.id for one in newest]
    started = time.process_time()
    assert len(await store.find(Task)) == 100_001
    whole = time.process_time() - started
    print(f"five listings: {taken * 1000:.1f} ms; all tasks: {whole * 1000:.1f} ms")
    assert taken < whole / 4
    await store.close()
