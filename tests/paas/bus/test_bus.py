"""The bus against a real nats-server: typed messages, answers, a server that goes and comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from paas.bus.client import Bus, BusConfig, Message, NoAnswerError

from tests.paas.bus.nats_server import NatsServer


class Word(msgspec.Struct):
    """A message of these tests."""

    text: str


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer.running(tmp_path) as one:
        yield one


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    one = await Bus.connect(BusConfig(servers=[server.url]), "test")
    yield one
    await one.close()


async def test_a_message_reaches_its_handler_and_is_answered(bus: Bus) -> None:
    async def double(message: Message[Word]) -> None:
        await message.respond(Word(message.body.text * 2))

    await bus.subscribe("word.double", Word, double)
    await bus.flush()
    assert (await bus.request("word.double", Word("ab"), Word, 10)).text == "abab"


async def test_a_malformed_message_is_passed_over(bus: Bus) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def note(message: Message[Word]) -> None:
        await seen.put(message.body.text)

    await bus.subscribe("word", Word, note)
    await bus.publish("word", {"text": 5})
    await bus.publish("word", ["no", "object"])
    await bus.publish("word", Word("right"))
    assert await asyncio.wait_for(seen.get(), 10) == "right"


async def test_nobody_listens(bus: Bus) -> None:
    with pytest.raises(NoAnswerError, match=r"nobody listens on nobody\.here"):
        await bus.request("nobody.here", Word("x"), Word, 10)


async def test_answers_of_many_are_gathered(bus: Bus) -> None:
    async def answer(message: Message[Word]) -> None:
        await message.respond(Word("one"))
        await message.respond(Word("two"))

    await bus.subscribe("ask.all", Word, answer)
    await bus.flush()
    assert [one.text for one in await bus.gather("ask.all", Word("?"), Word, 10, most=2)] == ["one", "two"]


async def test_where_nobody_listens_gathering_ends_at_once(bus: Bus) -> None:
    assert await asyncio.wait_for(bus.gather("nobody.here", Word("?"), Word, 1000), 20) == []


async def test_what_was_subscribed_is_heard_after_the_server_came_back(server: NatsServer) -> None:
    back = asyncio.Event()

    async def again() -> None:
        back.set()

    heard: asyncio.Queue[str] = asyncio.Queue()

    async def note(message: Message[Word]) -> None:
        await heard.put(message.body.text)

    bus = await Bus.connect(BusConfig(servers=[server.url]), "test", again)
    try:
        await bus.subscribe("word", Word, note)
        await bus.flush()
        server.stop()
        server.start()
        await asyncio.wait_for(back.wait(), 20)
        await bus.publish("word", Word("after"))
        assert await asyncio.wait_for(heard.get(), 10) == "after"
    finally:
        await bus.close()
