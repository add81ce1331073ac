"""Requests and their replies: one subscription for all, matched by the last token of the subject."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Generator, Sequence
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


class Conversation:
    """One request of ours, and all that comes back for it. ``None`` in the queue: the server says that nobody listens."""

    def __init__(self, agent_id: str, reply_to: str, log: AgentLog | None) -> None:
        self.agent_id = agent_id
        self.reply_to = reply_to
        self.log = log
        self.answers: asyncio.Queue[Answer | None] = asyncio.Queue()


class Exchange:
    """Sends requests over a connection. ``speaks`` remembers the agents that answered with our extension."""

    def __init__(self, connection: Connection, process: str = "") -> None:
        self._connection = connection
        self._prefix = f"director.{process or uuid.uuid4()}"
        self._open: dict[str, Conversation] = {}
        self.speaks: set[str] = set()
        connection.subscribe(f"{self._prefix}.>", self._received)

    @contextmanager
    def conversation(self, agent_id: str, log: AgentLog | None) -> Generator[Conversation]:
        """Replies are received for as long as it is open."""
        request_id = str(uuid.uuid4())
        talk = Conversation(agent_id, f"{self._prefix}.{agent_id}.{request_id}", log)
        self._open[request_id] = talk
        try:
            yield talk
        finally:
            del self._open[request_id]

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

        While the server says that the agent is not there the request is sent again: it reached nobody, so that is safe.
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
            async with asyncio.timeout(timeout):
                while True:
                    client = await self._connection.client()
                    await client.publish(subject, payload, reply=talk.reply_to)
                    answer = await talk.answers.get()
                    if answer is not None:
                        return answer
                    await asyncio.sleep(_RESEND)
        except TimeoutError:
            raise AgentTimeout(
                f"Timed out sending '{method}' to agent '{talk.agent_id}' after {timeout:g} seconds",
                agent_id=talk.agent_id,
                method=method,
            ) from None
        except NatsError as error:
            raise AgentError(
                f"Cannot send '{method}' to agent '{talk.agent_id}': {error}", agent_id=talk.agent_id, method=method
            ) from error

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
            talk.answers.put_nowait(None)
            return
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
