"""Calls through the limiters: what is sent again, what is not, whose turn it is, and what is asked before a call goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.memory.inventory import Stemcell
from director.engine.limiter_clouds import AT_ONCE, PATIENCE, LimitedClouds
from director.engine.limiter_line import Line, Places
from director.engine.limiter_refusals import is_refusal, seconds_told
from director.engine.turn import Turn, taking
from director.model.errors import CloudError, LeaseLost, TaskCancelled
from director.model.plan import Plan, Stage, Step, Unit


class Town:
    """A memory cloud behind limiters, in virtual time."""

    def __init__(self, *, can_find: bool = True) -> None:
        self.cloud = MemoryCloud(can_find=can_find)
        self.cloud.inventory.stemcells["s"] = Stemcell("s", "s")
        self.clock = VirtualClock()
        self.clouds = LimitedClouds(MemoryClouds(self.cloud), self.clock)

    async def create(self, key: str = "k") -> str:
        cloud = await self.clouds.get("")
        return (await cloud.create_vm(f"a-{key}", "s", {}, {}, [], {}, key=key, stemcell_api=3)).cid


def refusal(*, began: bool = True, ok_to_retry: bool = True, after: float | None = None) -> CloudError:
    return CloudError(
        "HTTP 429: Too Many Requests",
        type="Bosh::Clouds::CloudError",
        method="create_vm",
        began=began,
        ok_to_retry=ok_to_retry,
        retry_after=after,
    )


async def test_a_refused_call_is_sent_again_when_the_cloud_wants_it() -> None:
    town, began = Town(), VirtualClock().now()
    for nth in range(1, 9):
        town.cloud.script.fail("create_vm", refusal(began=False, after=2.0), nth=nth)
    assert await town.create() in town.cloud.inventory.vms
    assert town.cloud.script.calls["create_vm"] == 9
    assert town.cloud.script.calls["find"] == 0, "the cloud said that it had not begun"
    assert town.clock.now() - began >= 16
    (state,) = [one for one in town.clouds.state() if one["method"] == "create_vm"]
    assert (state["calls"], state["refused"], state["learned"], state["under_way"]) == (9, 8, True, 0)


async def test_a_creation_refused_halfway_is_looked_for_first() -> None:
    town = Town()
    town.cloud.script.fail("create_vm", refusal())
    assert await town.create("one") in town.cloud.inventory.vms
    assert town.cloud.script.calls["find"] == 1
    town.cloud.script.lose("create_vm", refusal())
    with pytest.raises(CloudError, match="429"):
        await town.create("two")
    assert len(town.cloud.inventory.vms) == 2, "the step clears away what was made"
    assert town.cloud.script.calls["create_vm"] == 3


@pytest.mark.parametrize("cleaned", [True, False])
async def test_a_cloud_that_cannot_look_says_itself_whether_to_try_again(cleaned: bool) -> None:
    town = Town(can_find=False)
    town.cloud.script.fail("create_vm", refusal(ok_to_retry=cleaned))
    if cleaned:
        assert await town.create()
    else:
        with pytest.raises(CloudError, match="429"):
            await town.create()
    assert town.cloud.script.calls["create_vm"] == (2 if cleaned else 1)


async def test_patience_has_an_end_and_says_so() -> None:
    town = Town()
    for nth in range(1, 1000):
        town.cloud.script.fail("create_vm", refusal(began=False, after=30.0), nth=nth)
    with pytest.raises(CloudError, match="429") as caught:
        await town.create()
    assert not caught.value.ok_to_retry
    assert f"refused for {PATIENCE:.0f} s" in caught.value.description


async def test_other_errors_and_answers_pass_at_once() -> None:
    town = Town()
    town.cloud.script.fail("delete_vm", town.cloud.refused("delete_vm"))
    cloud = await town.clouds.get("")
    with pytest.raises(CloudError, match="delete_vm failed"):
        await cloud.delete_vm("x")
    assert (await cloud.info()).can_find
    assert [one["method"] for one in town.clouds.state()] == ["delete_vm"]


async def test_tasks_take_turns_and_long_paths_go_first() -> None:
    line = Line(VirtualClock(), Places(AT_ONCE))
    gone: list[tuple[int, int]] = []

    async def call(turn: Turn) -> None:
        await line.enter(turn)
        gone.append((turn.task_id, turn.weight))
        line.leave()

    while not line.pace.ready_in(line.clock.now()):
        await line.enter(Turn())
    turns = [Turn(1, weight) for weight in (1, 5, 3)] + [Turn(2, weight) for weight in (1, 2)]
    await asyncio.gather(*(call(turn) for turn in turns))
    assert gone == [(1, 5), (2, 2), (1, 3), (2, 1), (1, 1)]


async def test_no_more_calls_than_places_are_under_way() -> None:
    line = Line(VirtualClock(), Places(3))
    under_way: list[int] = []
    widest = 0

    async def call(number: int) -> None:
        nonlocal widest
        await line.enter(Turn())
        under_way.append(number)
        widest = max(widest, len(under_way))
        await asyncio.sleep(0.001)
        under_way.remove(number)
        line.leave()

    await asyncio.gather(*(call(number) for number in range(20)))
    assert widest == 3


async def test_a_waiter_that_goes_away_takes_no_place() -> None:
    line = Line(VirtualClock(), Places(1))
    await line.enter(Turn())
    waiting = asyncio.create_task(line.enter(Turn()))
    await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    line.leave()
    async with asyncio.timeout(20):
        await line.enter(Turn())


async def test_a_cancelled_task_is_not_kept_waiting_for_its_cloud(bench: Any) -> None:
    """The step's intent is closed as one to be repeated, and the task is cancelled, not failed."""
    town = Town()
    for nth in range(1, 1000):
        town.cloud.script.fail("create_vm", refusal(began=False, after=1.0), nth=nth)
    await bench.put_task()

    async def create(io: Any) -> None:
        if town.cloud.script.calls["create_vm"] == 0:
            await bench.put_task(state="cancelling")
        await town.create()

    bench.acts["u/1"] = create
    unit = Unit("u", "u", (Step(id="u/1", kind="noted", title="one"), Step(id="u/2", kind="noted", title="two")))
    with pytest.raises(TaskCancelled):
        await bench.run(Plan("web", (Stage("s", "S", (unit,)),)))
    assert set((await bench.states()).values()) == {"repeated"}
    assert town.cloud.script.calls["create_vm"] <= 2


async def test_a_lost_lease_stops_a_call_that_has_waited() -> None:
    town = Town()
    town.cloud.script.fail("create_vm", refusal(began=False, after=1.0))

    async def lost() -> None:
        raise LeaseLost("gone")

    with taking(Turn(7, lease=lost)), pytest.raises(LeaseLost):
        await town.create()
    assert town.cloud.script.calls["create_vm"] == 1


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("An error occurred (RequestLimitExceeded) when calling the RunInstances operation", None),
        ("Throttling: Rate exceeded", None),
        ("googleapi: Error 403: Rate Limit Exceeded, rateLimitExceeded", None),
        ("Error 429: OverLimit Retry... Retry-After: 13", 13.0),
        ("TooManyRequests: The request is being throttled. Retry after 2.5 seconds", 2.5),
        ("Rate limit exceeded: create_vm at most 4 per second; try again in 0.25 s", 0.25),
        ("try again in 3 minutes, too many requests", 180.0),
        ("slow down, retry in 1500 ms", 1.5),
    ],
)
def test_the_words_of_clouds(words: str, seconds: float | None) -> None:
    error = CloudError(words, type="Bosh::Clouds::CloudError", method="create_vm")
    assert is_refusal(error)
    assert seconds_told(error) == seconds


@pytest.mark.parametrize("words", ["VM vm-429-a was not found", "Quota exceeded: 10 VMs at most", "disk 0429 is busy"])
def test_other_words(words: str) -> None:
    assert not is_refusal(CloudError(words, type="Bosh::Clouds::CloudError", method="create_vm"))
