"""A plan's run: order, width, failure, cancel, resume, and the lines that users see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from director.engine import probe as points
from director.engine.cancel import Cancel, Interrupted
from director.model.errors import BadRequest, CloudUnsettled, DirectorError, LeaseLost, RowChanged, TaskCancelled
from director.model.plan import Plan, Stage, Step, Unit
from director.model.rows import SettingRow
from director.steps.step import Io

if TYPE_CHECKING:
    from conftest import Bench


class Killed(BaseException):
    """The process died here."""


def unit(id: str, *steps: str, needs: tuple[str, ...] = (), status: str = "") -> Unit:
    made = tuple(Step(id=one, kind="noted", title=f"do {one}", args={"status": status}) for one in steps)
    return Unit(id=id, task=f"web/{id}", steps=made, needs=needs)


def stage(id: str, *units: Unit, width: int = 1, needs: tuple[str, ...] = ()) -> Stage:
    return Stage(id=id, title=f"Stage {id}", units=units, width=width, needs=needs, tags=("web",))


def plan(*stages: Stage) -> Plan:
    return Plan(deployment="web", stages=stages)


def fails(message: str) -> Any:
    async def act(io: Io) -> None:
        raise DirectorError(message, code=42)

    return act


async def test_steps_go_in_order_and_leave_intent_and_result(bench: Bench) -> None:
    await bench.run(plan(stage("b", unit("u3", "5"), needs=("a",)), stage("a", unit("u1", "1", "2"), unit("u2", "3"))))
    assert bench.did == ["1", "2", "3", "5"]
    assert await bench.states() == {f"{one}/0001": "done" for one in "1235"}
    found = await bench.store.get(SettingRow, "intent 2")
    assert found is not None
    assert found.value == "t1/2"
    assert await bench.store.get(SettingRow, "result 5")


async def test_no_more_units_than_the_width_run_at_once(bench: Bench) -> None:
    units = [unit(f"u{n}", f"{n}a", f"{n}b") for n in range(9)]
    await bench.run(plan(stage("a", *units, width=3)))
    assert bench.widest == 3
    assert len(bench.did) == 18


async def test_the_longest_remaining_path_goes_first_and_needs_are_kept(bench: Bench) -> None:
    await bench.run(
        plan(
            stage(
                "a",
                unit("short", "s"),
                unit("leaf", "l", needs=("root",)),
                unit("long", "x", "y"),
                unit("root", "r1", "r2"),
            )
        )
    )
    assert bench.did == ["r1", "r2", "x", "y", "s", "l"]


async def test_progress_is_told_in_the_words_of_the_event_log(bench: Bench) -> None:
    await bench.run(plan(stage("empty"), stage("a", unit("u1", "1", "2", status="starting jobs"), unit("u2", "3"))))
    events = await bench.events()
    shown = [
        (one["stage"], one["task"], one["index"], one["state"], one["progress"], one.get("data")) for one in events
    ]
    assert shown == [
        ("Stage a", "web/u1", 1, "started", 0, None),
        ("Stage a", "web/u1", 1, "in_progress", 0, {"status": "starting jobs"}),
        ("Stage a", "web/u1", 1, "in_progress", 50, {"status": "starting jobs"}),
        ("Stage a", "web/u1", 1, "finished", 100, None),
        ("Stage a", "web/u2", 2, "started", 0, None),
        ("Stage a", "web/u2", 2, "finished", 100, None),
    ]
    assert all(one["total"] == 2 and one["tags"] == ["web"] and isinstance(one["time"], int) for one in events)


async def test_a_failure_lets_others_finish_and_starts_nothing_more(bench: Bench) -> None:
    gate = asyncio.Event()

    async def waits(io: Io) -> None:
        await gate.wait()

    async def fails_then_opens(io: Io) -> None:
        gate.set()
        raise DirectorError("no more quota", code=42)

    bench.acts |= {"1": fails_then_opens, "2": waits}
    with pytest.raises(DirectorError, match=r"^no more quota$") as caught:
        await bench.run(
            plan(
                stage("a", unit("u1", "1", "1b"), unit("u2", "2", "2b"), unit("u3", "3"), width=2),
                stage("b", unit("u4", "4"), needs=("a",)),
            )
        )
    assert caught.value.code == 42
    assert bench.did == ["2", "2b"]
    assert await bench.states() == {"1/0001": "failed", "2/0001": "done", "2b/0001": "done"}
    last = {one["task"]: one for one in await bench.events()}
    assert last["web/u1"]["state"] == "failed"
    assert last["web/u1"]["data"] == {"error": "no more quota"}
    assert last["web/u2"]["state"] == "finished"
    assert "web/u3" not in last


async def test_all_errors_are_told_the_first_one_first(bench: Bench) -> None:
    bench.acts |= {"1": fails("first"), "2": fails("second")}
    with pytest.raises(DirectorError, match="first\nAlso failed:\n- web/u2: second") as caught:
        await bench.run(plan(stage("a", unit("u1", "1"), unit("u2", "2"), width=2)))
    assert caught.value.code == 42


async def test_a_fault_of_ours_is_a_failure_too_and_its_trace_goes_to_the_debug_log(bench: Bench) -> None:
    async def broken(io: Io) -> None:
        raise KeyError("cid")

    bench.acts["1"] = broken
    with pytest.raises(KeyError):
        await bench.run(plan(stage("a", unit("u1", "1"))))
    debug, _ = await bench.store.read_output(1, "debug")
    assert b"Traceback" in debug
    assert [one["data"] for one in await bench.events() if one["state"] == "failed"] == [{"error": "KeyError: 'cid'"}]


async def test_cancel_stops_between_two_steps(bench: Bench) -> None:
    await bench.put_task()

    async def cancelled_meanwhile(io: Io) -> None:
        await bench.put_task(state="cancelling")

    bench.acts["2"] = cancelled_meanwhile
    with pytest.raises(TaskCancelled):
        await bench.run(plan(stage("a", unit("u1", "1", "2", "3"), unit("u2", "4"))))
    assert bench.did == ["1", "2"]
    assert await bench.states() == {"1/0001": "done", "2/0001": "done"}


async def test_an_ending_director_pauses_a_plan_and_the_next_goes_on(bench: Bench) -> None:
    cancel = Cancel(bench.store, 1)

    async def stops(io: Io) -> None:
        cancel.interrupt()

    bench.acts["2"] = stops
    whole = plan(stage("a", unit("u1", "1", "2", "3"), unit("u2", "4")))
    with pytest.raises(Interrupted):
        await bench.run(whole, cancel=cancel)
    assert bench.did == ["1", "2"]
    await bench.run(whole)
    assert bench.did == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("stop", "left"), [(TaskCancelled, "repeated"), (Interrupted, "intent")])
async def test_waits_that_change_nothing_are_torn_off(bench: Bench, stop: type[Exception], left: str) -> None:
    cancel = Cancel(bench.store, 1)
    await bench.put_task()
    patience = 3600.0

    async def waits(io: Io) -> None:
        await io.wait(asyncio.sleep(patience))

    async def stops(io: Io) -> None:
        while bench.running < 3:
            await asyncio.sleep(0)
        if stop is Interrupted:
            cancel.interrupt()
        else:
            await bench.put_task(state="cancelling")

    bench.acts |= {"1": waits, "2": waits, "3": stops}
    whole = plan(stage("a", unit("u1", "1", "4"), unit("u2", "2"), unit("u3", "3"), width=3))
    with pytest.raises(stop):
        await bench.run(whole, cancel=cancel)
    assert bench.did == ["3"]
    assert await bench.states() == {"1/0001": left, "2/0001": left, "3/0001": "done"}
    patience = 0
    await bench.put_task()
    await bench.run(whole)
    assert sorted(bench.did) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("point", points.POINTS)
async def test_after_a_kill_at_any_point_each_effect_has_happened_once(bench: Bench, point: str) -> None:
    async def probe(at: str, step: Step) -> None:
        if (at, step.id) == (point, "2"):
            raise Killed

    whole = plan(stage("a", unit("u1", "1", "2", "3"), unit("u2", "4")))
    with pytest.raises(Killed):
        await bench.run(whole, probe=probe)
    await bench.run(whole)
    assert bench.did == ["1", "2", "3", "4"]
    assert all([await bench.store.get(SettingRow, f"result {one}") for one in "1234"])
    states = await bench.states()
    if point == points.AFTER_INTENT:
        assert (states.pop("2/0001"), states.pop("2/0002")) == ("repeated", "done")
    assert set(states.values()) == {"done"}
    events = await bench.events()
    lines = [(one["task"], one["state"]) for one in events if "stage" in one and one["state"] != "in_progress"]
    assert sorted(lines) == sorted([(f"web/u{n}", state) for n in (1, 2) for state in ("started", "finished")])
    warnings = [one["message"] for one in events if one.get("type") == "warning"]
    assert len(warnings) == 1
    assert "finished steps kept" in warnings[0]
    if point in (points.AFTER_INTENT, points.AFTER_EFFECT):
        assert ("to be repeated: do 2" if point == points.AFTER_INTENT else "adopted: do 2") in warnings[0]


async def test_after_a_kill_beside_a_failure_what_was_begun_is_finished_and_the_failure_stands(bench: Bench) -> None:
    async def probe(at: str, step: Step) -> None:
        if (at, step.id) == (points.AFTER_RESULT, "2"):
            raise Killed

    bench.acts["1"] = fails("no quota")
    whole = plan(stage("a", unit("u1", "1"), unit("u2", "2", "3"), unit("u3", "4"), width=2))
    with pytest.raises(Killed):
        await bench.run(whole, probe=probe)
    with pytest.raises(DirectorError, match="no quota") as caught:
        await bench.run(whole)
    assert caught.value.code == 42
    assert bench.did == ["2", "3"]


async def test_a_lost_answer_is_settled_on_the_spot(bench: Bench) -> None:
    tries: list[str] = []

    async def lost_before(io: Io) -> None:
        tries.append(io.call_key)
        if len(tries) == 1:
            raise CloudUnsettled("worker died", type="x", method="create_vm")

    async def lost_after(io: Io) -> None:
        bench.did.append("2")
        raise CloudUnsettled("deadline passed", type="x", method="create_vm")

    bench.acts |= {"1": lost_before, "2": lost_after}
    await bench.run(plan(stage("a", unit("u1", "1", "2"))))
    assert bench.did == ["1", "2"]
    assert tries == ["t1/1", "t1/1"]
    assert await bench.states() == {"1/0001": "repeated", "1/0002": "done", "2/0001": "done"}


async def test_a_lost_lease_ends_the_run_without_another_write(bench: Bench) -> None:
    async def taken_over(io: Io) -> None:
        found = (await bench.store.leases("task/1"))[0]
        await bench.store.release(found)
        assert await bench.store.acquire("task/1", "other", 30)

    bench.acts["2"] = taken_over
    with pytest.raises(LeaseLost, match="other holds it under fence 2"):
        await bench.run(plan(stage("a", unit("u1", "1", "2", "3"))))
    assert await bench.states() == {"1/0001": "done", "2/0001": "intent"}
    assert bench.did == ["1", "2"]


async def test_a_stored_plan_is_never_replaced(bench: Bench) -> None:
    from director.engine.journal import save_plan
    from director.engine.lease import Hold

    await bench.run(plan(stage("a", unit("u1", "1"))))
    lease = await bench.store.acquire("task/1", "x", 30)
    assert lease
    with pytest.raises(RowChanged):
        await save_plan(bench.store, 1, plan(), Hold(bench.store, lease))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (plan(stage("a", unit("u", "1"), unit("v", "1"))), "step 1 occurs twice"),
        (plan(stage("a", unit("u", "1", needs=("w",)))), "needs unit w"),
        (plan(stage("a", unit("u", "1"), needs=("z",))), "needs stage z"),
        (plan(stage("a", unit("u", "1", needs=("v",)), unit("v", "2", needs=("u",)))), "in a circle: u, v"),
    ],
)
async def test_a_plan_that_cannot_be_run_is_refused_before_it_begins(bench: Bench, wrong: Plan, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await bench.run(wrong)
    assert bench.did == []
