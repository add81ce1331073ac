"""Requests, the extension (fence, key, push), and the reply limit."""

from __future__ import annotations

import json

import pytest
from agent_world import AgentWorld, Refused

from agent.bus import messages


def test_ping_and_info(world: AgentWorld) -> None:
    assert world.ask("ping") == "pong"
    assert world.ask("info") == {"api_version": 1, "meristem": {"version": "0.1.0", "push": True}}


def test_an_unknown_method_is_refused_in_the_words_directors_match(world: AgentWorld) -> None:
    assert world.raw("noop") == {"exception": {"message": "unknown message noop"}}


def test_a_missing_argument_is_named(world: AgentWorld) -> None:
    with pytest.raises(Refused, match=r"argument disk cid .* is missing"):
        world.do("mount_disk")


def test_an_unknown_task_is_named(world: AgentWorld) -> None:
    with pytest.raises(Refused, match=r"^Task with id nope could not be found$"):
        world.ask("get_task", "nope")


def test_no_reply_without_reply_to_and_none_to_garbage(world: AgentWorld) -> None:
    assert world.dispatcher.handle(b'{"method":"ping","arguments":[]}') is None
    assert world.dispatcher.handle(b"no json") is None


def test_a_lower_fence_is_refused_also_after_a_restart(world: AgentWorld) -> None:
    assert world.ask("ping", fence=5) == "pong"
    with pytest.raises(Refused, match=r"^stale fence 3, already at 5$"):
        world.ask("ping", fence=3)
    world.begin()
    with pytest.raises(Refused, match=r"^stale fence 4, already at 5$"):
        world.ask("ping", fence=4)
    assert world.ask("ping", fence=6) == "pong"


def test_a_key_gives_the_same_task_again_also_after_a_restart(world: AgentWorld) -> None:
    first = world.ask("prepare", {}, key="k1")
    world.await_end(first)
    again = world.ask("prepare", {}, key="k1")
    assert again["agent_task_id"] == first["agent_task_id"]
    world.begin()
    assert world.ask("prepare", {}, key="k1")["agent_task_id"] == first["agent_task_id"]
    assert world.ask("prepare", {}, key="k2")["agent_task_id"] != first["agent_task_id"]
    assert world.ask("get_task", first["agent_task_id"]) == "prepared"


def test_a_key_gives_the_recorded_value_of_a_synchronous_action(world: AgentWorld) -> None:
    assert world.ask("start", key="s") == "started"
    world.vm.layout.stopped_marker.touch()
    assert world.ask("start", key="s") == "started"
    assert world.vm.layout.stopped_marker.exists(), "the second request must not start again"


def test_a_result_is_pushed_once_and_only_to_who_speaks_the_extension(world: AgentWorld) -> None:
    world.do("prepare", {})
    started = world.ask("prepare", {}, key="k")
    world.await_end(started)
    world.dispatcher.tell_unpushed()
    assert world.pushed == [{"meristem": {"agent_task_id": started["agent_task_id"]}, "value": "prepared"}]


def test_a_failure_is_pushed_as_exception(world: AgentWorld) -> None:
    started = world.ask("mount_disk", "unknown", fence=1)
    with pytest.raises(Refused, match=r"Task .* result: disk unknown is not attached"):
        world.await_end(started)
    world.dispatcher.tell_unpushed()
    assert "disk unknown is not attached" in world.pushed[0]["exception"]["message"]


def test_a_result_that_could_not_go_out_is_pushed_on_the_next_connection(world: AgentWorld) -> None:
    world.bus_is_up = False
    world.do("prepare", {}, key="k")
    assert world.pushed == []
    world.bus_is_up = True
    world.begin()
    world.dispatcher.tell_unpushed()
    assert [body["value"] for body in world.pushed] == ["prepared"]


def test_a_long_value_becomes_the_protocols_exception() -> None:
    assert json.loads(messages.encode({"value": "x" * (1 << 20)})) == {
        "exception": {"message": "Response exceeded maximum allowed length"}
    }


@pytest.mark.parametrize("character", ["x", "\N{SNOWMAN}", '"'])
def test_a_long_exception_is_cut_in_the_middle(character: str) -> None:
    payload = messages.encode(messages.exception("begin" + character * (1 << 20) + "end"))
    message = json.loads(payload)["exception"]["message"]
    assert len(payload) <= 1 << 20
    assert message.startswith("begin") and message.endswith("end") and "[cut]" in message
