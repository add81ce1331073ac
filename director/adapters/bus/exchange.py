"""Requests and their replies: one subscription for all, matched by the last token of the subject."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from director.adapters.bus.answer import Answer, read
from director.adapters.bus.connection import Connection
from director.adapters.bus.redact import redacted
from director.model.errors import AgentError, AgentTimeout
from director.ports.agents import AgentLog

PROTOCOL = 3
_RESEND = 0.2
_NOBODY = "503"
_TELLING = 0.4
"""Seconds in which the server has certainly said whether somebody listens."""
_PATIENCE = 3.0
_INFO_TIMEOUT = 2.0
_READING = frozenset({"ping", "info", "get_state", "get_task", "list_disk"})


class Conversation:
    """One request of ours, and all that comes back for it. ``None`` in the queue: the server says that nobody listens."""

    def __init__(self, agent_id: str, reply_to: str, log: AgentLog | None) -> None:
        self.agent_id = agent_id
        self.reply_to = reply_to
        self.log = log
        self.answers: asyncio.Queue[Answer | None] = asyncio.Queue()
        self.patience = _PATIENCE
        """Seconds without an answer after which the request is taken for lost; doubled each time, for the agent may be slow."""
        self.nobody = False
        """Whether the server has said, of one request at least, that nobody listens."""
        self.delivered_at: float | None = None
        """When the first request went out of which it has not said so; by the bus' clock."""
        self.again = asyncio.Event()
        """Set when the request may have been lost with the connection that it was sent on."""
        self.stirred = asyncio.Event()
        """Set when the agent was heard of its own accord: it is there now."""

    async def stir(self, longest: float) -> None:
        """Return when the agent is heard, after ``longest`` seconds at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self.stirred.wait()
        self.stirred.clear()


class Exchange:
    """Sends requests over a connection. ``speaks`` remembers the agents that answered with our extension; ``listening`` whether somebody
    was there when the last request to an agent went unanswered."""

    def __init__(self, connection: Connection, process: str = "") -> None:
        self._connection = connection
        self._prefix = f"director.{process or uuid.uuid4()}"
        self._open: dict[str, Conversation] = {}
        self._with: dict[str, set[Conversation]] = {}
        self.speaks: set[str] = set()
        self.listening: dict[str, bool] = {}
        self._stock: set[str] = set()
        connection.on_back.append(self._back)
        connection.subscribe(f"{self._prefix}.>", self._received)

    @contextmanager
    def conversation(self, agent_id: str, log: AgentLog | None) -> Generator[Conversation]:
        """Replies are received for as long as it is open."""
        request_id = str(uuid.uuid4())
        talk = Conversation(agent_id, f"{self._prefix}.{agent_id}.{request_id}", log)
        self._open[request_id] = talk
        talks = self._with.setdefault(agent_id, set())
        talks.add(talk)
        try:
            yield talk
        finally:
            del self._open[request_id]
            talks.discard(talk)
            if not talks and self._with.get(agent_id) is talks:
                del self._with[agent_id]

    def heard(self, agent_id: str) -> None:
        """An agent has spoken of its own accord: who waits for it looks at once."""
        for talk in self._with.get(agent_id, ()):
            talk.stirred.set()

    async def ask(
        self,
        talk: Conversation,
        method: str,
        arguments: Sequence[Any],
        *,
        timeout: float,
        key: str = "",
        fence: int = 0,
    ) -> Answer:
        """Send and wait for the first answer.

        While the server says that the agent is not there the request is sent again: it reached nobody, so that is safe. One that stays
        without an answer may have been lost with a server, or its answer: it is sent again where a second one does no harm.
        """
        request: dict[str, Any] = {
            "protocol": PROTOCOL,
            "method": method,
            "arguments": list(arguments),
            "reply_to": talk.reply_to,
        }
        # 0 stands for no fence: an agent that has seen a higher one would refuse it
        extension = {"fence": fence} if fence else {}
        if key or fence:
            request["meristem"] = {**extension, "key": key}
        subject = f"agent.{talk.agent_id}"
        if talk.log is not None:
            talk.log(f"SENT: {subject} {_line(request)}")
        payload = msgspec.json.encode(request)
        try:
            async with self._connection.clock.limit(timeout):
                while True:
                    talk.again.clear()
                    client = await self._connection.client()
                    if talk.delivered_at is None:
                        talk.delivered_at = self._connection.clock.now()
                    await client.publish(subject, payload, reply=talk.reply_to)
                    answer = await self._first(talk, method, key)
                    if answer is not None:
                        return answer
                    await talk.stir(_RESEND)
        except TimeoutError:
            self._unanswered(talk)
            raise AgentTimeout(
                f"Timed out sending '{method}' to agent '{talk.agent_id}' after {timeout:g} seconds",
                agent_id=talk.agent_id,
                method=method,
            ) from None
        except NatsError as error:
            raise AgentError(
                f"Cannot send '{method}' to agent '{talk.agent_id}': {error}", agent_id=talk.agent_id, method=method
            ) from error

    def _unanswered(self, talk: Conversation) -> None:
        if not self._connection.is_up:
            self.listening.pop(talk.agent_id, None)  # we were away ourselves
        elif talk.delivered_at is not None and self._connection.clock.now() - talk.delivered_at >= _TELLING:
            self.listening[talk.agent_id] = True
        elif talk.nobody:
            self.listening[talk.agent_id] = False

    async def _first(self, talk: Conversation, method: str, key: str) -> Answer | None:
        """The answer; None when the request is to be sent again."""
        while True:
            patience, talk.patience = talk.patience, talk.patience * 2
            waiting = asyncio.ensure_future(talk.answers.get())
            lost = asyncio.ensure_future(talk.again.wait())
            try:
                await asyncio.wait({waiting, lost}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    return waiting.result()
            finally:
                for one in (waiting, lost):
                    one.cancel()
            talk.again.clear()
            if method in _READING or (key and await self._knows_keys(talk)):
                return None

    async def _knows_keys(self, talk: Conversation) -> bool:
        """Whether the agent answers a repeated key with what the first request began: ours does, the stock agent would begin again."""
        if talk.agent_id in self.speaks or talk.agent_id in self._stock:
            return talk.agent_id in self.speaks
        try:
            await self.learn(talk.agent_id, timeout=_INFO_TIMEOUT, log=talk.log)
        except (AgentTimeout, AgentError):
            return False
        return talk.agent_id in self.speaks

    async def learn(self, agent_id: str, *, timeout: float, log: AgentLog | None) -> None:
        """Ask an agent whether it speaks our extension. Raises `AgentTimeout` when it does not say."""
        answer = await self.ask_once(agent_id, "info", timeout=timeout, log=log)
        ours = answer.value.get("meristem") if isinstance(answer.value, dict) else None
        known = self.speaks if isinstance(ours, dict) and ours.get("push") else self._stock
        known.add(agent_id)

    def forget(self, agent_ids: Iterable[str]) -> None:
        """These agents are gone."""
        self.speaks.difference_update(agent_ids)
        self._stock.difference_update(agent_ids)
        for agent_id in agent_ids:
            self.listening.pop(agent_id, None)

    def knows(self, agent_id: str) -> bool:
        """Whether it is known what this agent speaks."""
        return agent_id in self.speaks or agent_id in self._stock

    def _back(self) -> None:
        for talk in self._open.values():
            talk.again.set()

    async def ask_once(
        self,
        agent_id: str,
        method: str,
        arguments: Sequence[Any] = (),
        *,
        timeout: float,
        key: str = "",
        fence: int = 0,
        log: AgentLog | None = None,
    ) -> Answer:
        """`ask` in a conversation of its own."""
        with self.conversation(agent_id, log) as talk:
            return await self.ask(talk, method, arguments, timeout=timeout, key=key, fence=fence)

    async def _received(self, message: Msg) -> None:
        talk = self._open.get(message.subject.rpartition(".")[2])
        if talk is None:
            return
        if not message.data and (message.headers or {}).get("Status") == _NOBODY:
            talk.nobody, talk.delivered_at = True, None
            talk.answers.put_nowait(None)
            return
        self.listening.pop(talk.agent_id, None)
        answer = read(message.data)
        if answer.extension is not None:
            self.speaks.add(talk.agent_id)
        if talk.log is not None:
            talk.log(f"RECEIVED: {message.subject} {_line_of(message.data)}")
        talk.answers.put_nowait(answer)


def _line(value: Any) -> str:
    return msgspec.json.encode(redacted(value)).decode()


def _line_of(data: bytes) -> str:
    try:
        return _line(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"({len(data)} bytes that are not JSON)"
