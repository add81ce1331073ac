"""Old tasks go by count and by age; what has not ended stays."""

from __future__ import annotations

from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.store import MemoryStore
from director.model.rows import EventRow, PlanRow, Task
from director.ports.store import Changes
from director.service import retention
from director.service.retention import DAY, Retention, RetentionSettings


async def swept(
    rows: list[Task], settings: RetentionSettings, *, now: float = 100 * DAY, types: tuple[str, ...] = ("deploy", "vms")
) -> list[int]:
    """Ids of the tasks that a sweep leaves."""
    store, clock = MemoryStore(), VirtualClock(now)
    await store.commit(Changes(put=[*rows, *(PlanRow(task_id=row.id, digest="", text="") for row in rows)]))
    count = await Retention(store, clock, types, settings, owner="d").sweep()
    left = [row.id for row in await store.find(Task)]
    assert count == len(rows) - len(left)
    assert [row.task_id for row in await store.find(PlanRow)] == left
    return left


def task(id: int, type: str = "deploy", state: str = "done", *, days_ago: float = 0, deployment: str = "web") -> Task:
    ended = None if state in ("queued", "processing", "cancelling") else (100 - days_ago) * DAY
    return Task(id=id, type=type, description="", state=state, finished_at=ended, deployment=deployment)


async def test_the_newest_of_each_type_are_kept() -> None:
    rows = [task(id, "vms" if id % 3 else "deploy") for id in range(1, 31)]
    assert await swept(rows, RetentionSettings(most=4)) == [21, 24, 25, 26, 27, 28, 29, 30]


async def test_many_pages_go_too() -> None:
    rows = [task(id) for id in range(1, 3 * retention.PAGE + 8)]
    left = await swept(rows, RetentionSettings(most=retention.PAGE + 3))
    assert left == [row.id for row in rows[-(retention.PAGE + 3) :]]


async def test_the_newest_events_are_kept() -> None:
    store = MemoryStore()
    rows = [
        EventRow(id=id, timestamp=0, user="admin", action="update", object_type="deployment") for id in range(1, 71)
    ]
    await store.commit(Changes(put=rows))
    left = Retention(store, VirtualClock(0), (), RetentionSettings(events=25), owner="d")
    assert await left.sweep_events() == 45
    assert [one.id for one in await store.find(EventRow)] == list(range(46, 71))
    assert await left.sweep_events() == 0


async def test_what_has_not_ended_neither_goes_nor_counts() -> None:
    rows = [
        task(1),
        task(2, state="processing"),
        task(3, state="queued"),
        task(4),
        task(5, state="cancelling"),
        task(6, state="error"),
    ]
    assert await swept(rows, RetentionSettings(most=1)) == [2, 3, 5, 6]


async def test_age_ends_tasks_sooner_and_deployments_may_have_their_own() -> None:
    rows = [
        task(1, days_ago=40),
        task(2, days_ago=40, deployment="kept"),
        task(3, days_ago=3, deployment="brief"),
        task(4, days_ago=3),
    ]
    settings = RetentionSettings(days=30, deployments={"kept": 90, "brief": 2})
    assert await swept(rows, settings) == [2, 4]
    assert await swept(rows, RetentionSettings()) == [1, 2, 3, 4]
