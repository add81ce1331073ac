"""Speaks to agents as a director does, for tests that need no director: requests on `agent.<id>`, replies on its own inbox."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import uuid
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.e2e.loopback.bus import Bus


class AgentRefused(Exception):
    """The agent answered with an exception; the text is its message."""


class Talk:
    """One connection with the director's identity. Use `await Talk.open(...)`, then `call` and `run`, then `close`."""

    def __init__(self, connection: Client, inbox: str) -> None:
        self._connection = connection
        self._inbox = inbox
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    @classmethod
    async def open(cls, bus: Bus, ca: Path, certificate: Path, key: Path) -> Talk:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(certificate, key)
        connection = await nats.connect(bus.url, tls=context, allow_reconnect=True)
        talk = cls(connection, f"director.{uuid.uuid4()}")
        await connection.subscribe(f"{talk._inbox}.>", cb=talk._heard)
        await connection.flush()
        return talk

    async def close(self) -> None:
        await self._connection.close()

    async def call(self, agent_id: str, method: str, *arguments: Any, seconds: float = 30, **extra: Any) -> Any:
        """One request and its `value`; `AgentRefused` with the agent's text, `TimeoutError` when nothing comes."""
        number = str(uuid.uuid4())
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        request = {
            "protocol": 3,
            "method": method,
            "arguments": list(arguments),
            "reply_to": f"{self._inbox}.{agent_id}.{number}",
        }
        await self._connection.publish(f"agent.{agent_id}", json.dumps(request | extra).encode())
        try:
            answer = await asyncio.wait_for(reply, seconds)
        finally:
            self._waiting.pop(number, None)
        if "exception" in answer:
            raise AgentRefused(answer["exception"]["message"])
        return answer["value"]

    async def run(self, agent_id: str, method: str, *arguments: Any, seconds: float = 120, **extra: Any) -> Any:
        """A long action to its end by `get_task`, across a restart of the agent."""
        deadline = time.monotonic() + seconds
        value = await self.call(agent_id, method, *arguments, **extra)
        while isinstance(value, dict) and "agent_task_id" in value:
            assert time.monotonic() < deadline, f"{method} still runs after {seconds} s"
            await asyncio.sleep(0.1)
            try:
                value = await self.call(agent_id, "get_task", value["agent_task_id"], seconds=3)
            except TimeoutError:
                continue
        return value

    async def wait_until_ready(self, agent_id: str, seconds: float = 90) -> None:
        """Ping until the agent answers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                assert await self.call(agent_id, "ping", seconds=1) == "pong"
                return
            except TimeoutError:
                assert time.monotonic() < deadline, f"agent {agent_id} did not answer within {seconds} s"

    async def _heard(self, message: Msg) -> None:
        reply = self._waiting.get(message.subject.rsplit(".", 1)[-1])
        if reply and not reply.done():
            reply.set_result(json.loads(message.data))
