"""A request that a server took with it is sent again where a second one does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from director.adapters.bus import exchange
from director.adapters.bus.agents import NatsAgents


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_PATIENCE", 0.2)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def test_our_agent_is_asked_again_under_the_same_key(agents: NatsAgents, speak) -> None:
    agent = await speak("a1", ours=True)

    async def apply() -> str:
        return "applied"

    agent.actions["apply"] = apply
    agent.silent.add("apply")
    running = asyncio.create_task(agents.run("a1", "apply", key="t1/s1"))
    await until(lambda: "apply" in agent.methods())
    agent.silent.clear()
    assert await running == "applied"
    asked = [one["meristem"]["key"] for one in agent.requests if one["method"] == "apply"]
    assert asked == ["t1/s1"] * len(asked)
    assert len(asked) >= 2
    assert len(agent.keys) == 1


async def test_the_stock_agent_is_asked_again_for_what_only_reads(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")
    agent.silent |= {"apply", "get_state"}
    applying = asyncio.create_task(agents.run("a1", "apply", key="t1/s1"))
    asking = asyncio.create_task(agents.call("a1", "get_state"))
    await until(lambda: agent.methods().count("get_state") >= 3)
    assert agent.methods().count("apply") == 1
    agent.raw["get_state"] = b'{"value":{"job_state":"running"}}'
    agent.silent.discard("get_state")
    assert await asking == {"job_state": "running"}
    applying.cancel()
    await asyncio.gather(applying, return_exceptions=True)
