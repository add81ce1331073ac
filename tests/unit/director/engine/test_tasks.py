"""The runner: tasks from queued to their end, cancelled, locked, and taken up again after a death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from director.adapters.clock import SystemClock
from director.adapters.task_log import StoreTaskLog
from director.engine.context import Planned, TaskContext
from director.engine.locks import locks
from director.engine.tasks import Handler, Runner
from director.model.errors import BadRequest, DirectorError, NotFound
from director.model.plan import Plan
from director.model.rows import PlanRow, SettingRow, Task
from director.ports.store import Changes

if TYPE_CHECKING:
    from conftest import Bench


def runner_of(bench: Bench, handlers: Mapping[str, Handler], owner: str = "home#1", **options: Any) -> Runner:
    def make_log(task_id: int) -> StoreTaskLog:
        return StoreTaskLog(bench.store, task_id, SystemClock(), delay=0.01)

    return Runner(bench.ports(), handlers, make_log, owner=owner, earlier="home#", **options)


@asynccontextmanager
async def running(
    bench: Bench, handlers: Mapping[str, Handler], owner: str = "home#1", **options: Any
) -> AsyncIterator[Runner]:
    runner = runner_of(bench, handlers, owner, **options)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop(grace=0.2)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_task_is_done_and_its_result_kept(bench: Bench) -> None:
    async def handle(context: TaskContext) -> str:
        assert (context.resuming, context.task.state, context.task.request) == (False, "processing", {"a": 1})
        context.log.result({"x": "y"})
        return "/deployments/web"

    async with running(bench, {"deploy": handle}) as runner:
        task = await runner.create("deploy", "create deployment", request={"a": 1}, deployment="web", user="me")
        assert (task.id, task.state, task.started_at) == (1, "queued", None)
        ended = await runner.wait(task.id)
    assert (ended.state, ended.result, ended.user) == ("done", "/deployments/web", "me")
    assert ended.created_at <= (ended.started_at or 0) <= (ended.finished_at or 0)
    assert await bench.store.read_output(1, "result") == (b'{"x":"y"}\n', 10)
    assert await bench.store.leases() == []


async def test_an_error_ends_the_task_and_its_event_log(bench: Bench) -> None:
    async def handle(context: TaskContext) -> None:
        raise DirectorError("no such network", code=190008, remedy="Name one.")

    async def broken(context: TaskContext) -> None:
        raise ZeroDivisionError("x")

    async with running(bench, {"deploy": handle, "broken": broken}) as runner:
        ended = await runner.wait((await runner.create("deploy", "d")).id)
        other = await runner.wait((await runner.create("broken", "d")).id)
    assert (ended.state, ended.result) == ("error", "no such network. Name one.")
    last = (await bench.events())[-1]
    assert last["error"] == {"code": 190008, "message": "no such network. Name one."}
    assert isinstance(last["time"], int)
    assert (other.state, other.result) == ("error", "ZeroDivisionError: x")


async def test_cancel_while_queued_and_while_running_and_afterwards(bench: Bench) -> None:
    release = asyncio.Event()

    async def handle(context: TaskContext) -> None:
        await release.wait()
        await context.checkpoint()

    async with running(bench, {"deploy": handle}, limit=1) as runner:
        first = await runner.create("deploy", "d")
        second = await runner.create("deploy", "d")
        async for _ in bench.store.follow("tasks"):
            if (await runner.get(first.id)).state == "processing":
                break
        assert (await runner.cancel(second.id)).state == "cancelling"
        assert (await runner.cancel(first.id)).state == "cancelling"
        release.set()
        ended = await runner.wait(first.id)
        also = await runner.wait(second.id)
        with pytest.raises(BadRequest, match=r"^Cannot cancel task 1: invalid state \(cancelled\)$"):
            await runner.cancel(first.id)
        with pytest.raises(NotFound, match="Task 77 not found"):
            await runner.cancel(77)
    assert (ended.state, ended.result, also.state) == ("cancelled", "task cancelled", "cancelled")
    assert also.started_at is None
    assert (await bench.events())[-1]["error"] == {"code": 10001, "message": "Task 1 cancelled"}


async def test_no_more_than_the_limit_at_once_and_urgent_ones_beside(bench: Bench) -> None:
    release = asyncio.Event()
    active: list[str] = []

    async def handle(context: TaskContext) -> None:
        active.append(context.task.type)
        await release.wait()

    async with running(bench, {"deploy": handle, "vms": handle}, limit=2, urgent=frozenset({"vms"})) as runner:
        tasks = [await runner.create("deploy", "d") for _ in range(4)]
        await until(lambda: len(active) == 2)
        tasks.append(await runner.create("vms", "d"))
        await until(lambda: len(active) == 3)
        assert active == ["deploy", "deploy", "vms"]
        release.set()
        ended = [await runner.wait(task.id) for task in tasks]
    assert {one.state for one in ended} == {"done"}


async def test_locks_go_in_order_and_are_listed_and_waiting_takes_no_place(bench: Bench) -> None:
    order: list[int] = []
    release = asyncio.Event()

    async def deploy(context: TaskContext) -> None:
        await context.lock("deployment/web")
        order.append(context.task.id)
        assert context.fence == len(order)
        await release.wait()

    async def quick(context: TaskContext) -> None:
        return None

    async with running(bench, {"deploy": deploy, "quick": quick}, limit=2) as runner:
        tasks = [await runner.create("deploy", "d", deployment="web") for _ in range(4)]
        await until(lambda: order == [1])
        other = await runner.wait((await runner.create("quick", "q")).id)
        assert other.state == "done"
        held = await locks(bench.store)
        assert [(one.type, one.resource, one.task_id) for one in held] == [("deployment", ("web",), 1)]
        await runner.cancel(tasks[2].id)
        assert (await runner.wait(tasks[2].id)).state == "cancelled"
        release.set()
        for task in tasks:
            await runner.wait(task.id)
    assert order == [1, 2, 4]
    assert await locks(bench.store) == []


async def test_a_dead_lifes_task_is_taken_up_at_once_and_before_those_that_wait(bench: Bench) -> None:
    seen: list[tuple[int, bool]] = []
    forever = asyncio.Event()

    async def first_life(context: TaskContext) -> None:
        await context.lock("deployment/web")
        seen.append((context.task.id, context.resuming))
        await forever.wait()

    async def second_life(context: TaskContext) -> str:
        await context.lock("deployment/web")
        seen.append((context.task.id, context.resuming))
        return "ok"

    runner = runner_of(bench, {"deploy": first_life})
    await runner.start()
    tasks = [await runner.create("deploy", "d", deployment="web") for _ in range(2)]
    await until(lambda: seen == [(1, False)])
    async with asyncio.timeout(20):
        while {one.owner for one in await bench.store.leases()} != {"home#1/task/1", "home#1/task/2"}:
            await asyncio.sleep(0.005)
    await runner.stop(grace=0)  # abandoned in the middle: its leases stay behind, as after a kill
    assert {one.owner for one in await bench.store.leases()} == {"home#1/task/1", "home#1/task/2"}
    async with running(bench, {"deploy": second_life}, owner="home#2") as again:
        async with asyncio.timeout(20):
            ended = [await again.wait(task.id) for task in tasks]
    assert [one.state for one in ended] == ["done", "done"]
    assert seen == [(1, False), (1, True), (2, True)]


async def test_another_directors_task_is_taken_when_its_lease_runs_out(bench: Bench) -> None:
    async def handle(context: TaskContext) -> str:
        return "taken over" if context.resuming else "new"

    await bench.store.commit(
        Changes(put=[Task(id=1, type="deploy", description="d", state="processing", started_at=1)])
    )
    assert await bench.store.acquire("task/1", "elsewhere#1/task/1", 5)
    async with running(bench, {"deploy": handle}) as runner:
        await asyncio.sleep(0.3)
        assert (await runner.get(1)).state == "processing"
        async with asyncio.timeout(20):
            assert (await runner.wait(1)).result == "taken over"


async def test_a_plan_half_done_elsewhere_goes_before_a_new_deploy(bench: Bench) -> None:
    await bench.store.commit(
        Changes(
            put=[
                Task(id=1, type="deploy", description="old", state="processing", started_at=1, deployment="web"),
                PlanRow(task_id=1, digest="", text='{"deployment":"web","stages":[]}'),
            ]
        )
    )
    assert await bench.store.next_id("task") == 1
    assert await bench.store.acquire("task/1", "elsewhere#1/task/1", 0.6)  # and its lock has already run out
    done: list[int] = []

    async def handle(context: TaskContext) -> None:
        await context.lock("deployment/web")
        done.append(context.task.id)

    async with running(bench, {"deploy": handle}) as runner:
        new = await runner.create("deploy", "new", deployment="web")
        async with asyncio.timeout(20):
            await runner.wait(new.id)
    assert done == [1, 2]


async def test_a_stopping_director_pauses_a_task_between_steps(bench: Bench) -> None:
    begun = asyncio.Event()

    async def handle(context: TaskContext) -> str:
        begun.set()
        while not context.resuming:
            await context.checkpoint()
            await asyncio.sleep(0.01)
        return "resumed"

    runner = runner_of(bench, {"deploy": handle})
    await runner.start()
    task = await runner.create("deploy", "d")
    await begun.wait()
    await runner.stop(grace=30)
    assert (await runner.get(task.id)).state == "processing"
    assert await bench.store.leases() == []
    async with running(bench, {"deploy": handle}, owner="home#2") as again:
        assert (await again.wait(task.id)).result == "resumed"


async def test_a_plan_is_made_once_even_when_its_task_is_taken_up_again(bench: Bench) -> None:
    made: list[int] = []

    async def handle(context: TaskContext) -> str:
        async def make() -> Plan:
            made.append(context.task.id)
            return Plan(deployment="web", stages=())

        await context.carry_out(make)
        await context.carry_out(make)
        return "ok"

    async with running(bench, {"deploy": handle}) as runner:
        assert (await runner.wait((await runner.create("deploy", "d")).id)).state == "done"
    assert made == [1]


async def test_a_plan_and_the_rows_it_refers_to_are_stored_together_or_not_at_all(bench: Bench) -> None:
    found: list[SettingRow | None] = []

    async def handle(context: TaskContext) -> str:
        async def make() -> Planned:
            found.append(await bench.store.get(SettingRow, "kept"))
            if len(found) == 1:
                context.cancel.interrupt()  # the director ends; the task is taken up again
            row = SettingRow(name="kept", value="here")
            return Planned(Plan(deployment="web", stages=()), Changes(put=[row]))

        await context.carry_out(make)
        return "ok"

    async with running(bench, {"deploy": handle}) as runner:
        assert (await runner.wait((await runner.create("deploy", "d")).id)).state == "done"
    assert found == [None, None]
    assert await bench.store.get(SettingRow, "kept")


async def test_the_api_may_cancel_just_when_the_task_ends(bench: Bench) -> None:
    async def handle(context: TaskContext) -> str:
        await bench.put_task(1, "cancelling")
        return "too late"

    async with running(bench, {"t": handle}) as runner:
        await runner.create("t", "d")
        assert (await runner.wait(1)).state == "done"
