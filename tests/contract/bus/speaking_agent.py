"""A small agent for tests: it really connects with its own certificate, and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from director.ports.agents import Identity


class SpeakingAgent:
    def __init__(self, agent_id: str, url: str, identity: Identity, directory: Path, *, ours: bool) -> None:
        self.agent_id = agent_id
        self.ours = ours
        self.requests: list[dict[str, Any]] = []
        self.actions: dict[str, Callable[..., Awaitable[Any]]] = {}
        self.raw: dict[str, bytes] = {}  # method → bytes to answer with
        self.silent: set[str] = set()
        self.tasks: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.lost = asyncio.Event()
        self._url = url.replace("nats://", "tls://")
        self._client: Client | None = None
        self._running: set[asyncio.Task[None]] = set()
        pem = directory / f"{agent_id}.pem"
        pem.write_text(identity.certificate + identity.private_key)
        self._tls = ssl.create_default_context(cadata=identity.ca)
        self._tls.load_cert_chain(str(pem))

    async def connect(self, *, patience: float = 20) -> None:
        """``patience``: seconds in which a refusal may mean that the server has not read its users yet; 0 for one try."""

        async def lost() -> None:
            self.lost.set()

        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            try:
                self._client = await nats.connect(
                    self._url,
                    tls=self._tls,
                    tls_hostname="127.0.0.1",
                    allow_reconnect=False,
                    disconnected_cb=lost,
                    error_cb=self._quiet,
                )
                break
            except Exception:
                if loop.time() >= end:
                    raise
                await asyncio.sleep(0.05)
        assert self._client is not None
        await self._client.subscribe(f"agent.{self.agent_id}", cb=self._received)
        await self._client.flush()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def tell(self, subject: str, body: Any) -> None:
        assert self._client is not None
        await self._client.publish(subject, json.dumps(body).encode())
        await self._client.flush()

    def methods(self) -> list[str]:
        return [one["method"] for one in self.requests]

    async def _quiet(self, error: Exception) -> None: ...

    async def _received(self, message: Msg) -> None:
        request = json.loads(message.data)
        self.requests.append(request)
        method, reply_to = request["method"], request["reply_to"]
        if method in self.silent:
            return
        if method in self.raw:
            assert self._client is not None
            await self._client.publish(reply_to, self.raw[method])
            return
        await self.tell(reply_to, await self._answer(method, request))

    async def _answer(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        if method == "ping":
            return {"value": "pong"}
        if method == "info":
            ours = {"meristem": {"version": "test", "push": True}} if self.ours else {}
            return {"value": {"api_version": 1, **ours}}
        if method == "get_task":
            task = self.tasks.get(request["arguments"][0])
            if task is None:
                return {"exception": {"message": f"Task with id {request['arguments'][0]} could not be found"}}
            return task
        if method not in self.actions:
            return {"exception": {"message": f"unknown message {method}"}}
        extension = request.get("meristem", {})
        task_id = self.keys.get(extension.get("key", "")) if self.ours else None
        if task_id is None:
            task_id = str(uuid.uuid4())
            running = {"value": {"agent_task_id": task_id, "state": "running"}}
            self.tasks[task_id] = running
            if extension.get("key"):
                self.keys[extension["key"]] = task_id
            work = asyncio.create_task(self._work(method, request, task_id))
            self._running.add(work)
            work.add_done_callback(self._running.discard)
            return running
        return self.tasks[task_id]

    async def _work(self, method: str, request: dict[str, Any], task_id: str) -> None:
        try:
            outcome = {"value": await self.actions[method](*request["arguments"])}
        except RuntimeError as error:
            outcome = {"exception": {"message": str(error)}}
        self.tasks[task_id] = outcome
        if self.ours and self._client is not None:
            await self.tell(request["reply_to"], {"meristem": {"agent_task_id": task_id}, **outcome})
