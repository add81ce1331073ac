"""Clients that ask one host again and again over kept connections, and what they were answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Load:
    """`answers`: how often each status; `names`: of backends; `broken`: connections that ended in the middle of a request;
    `open`: connections by port."""

    host: str
    port: Callable[[], int]
    answers: Counter[int] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    open: Counter[int] = field(default_factory=Counter)
    _stop: bool = False

    async def _client(self) -> None:
        while not self._stop:
            port = self.port()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self.open[port] += 1
            with contextlib.suppress(ConnectionError):
                while not self._stop and await self._ask(reader, writer):
                    pass
            self.open[port] -= 1
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is kept."""
        try:
            writer.write(f"GET / HTTP/1.1\r\nhost: {self.host}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
            body = await reader.readexactly(length)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.broken.append(f"{type(error).__name__} {error}")
            raise ConnectionError from None
        status = int(head.split(" ")[1])
        self.answers[status] += 1
        if status == 200:
            self.names[json.loads(body)["name"]] += 1
        return "connection: close" not in head

    async def more(self, count: int) -> None:
        """Until so many more requests were answered."""
        wanted = self.answers.total() + count
        async with asyncio.timeout(60):
            while self.answers.total() < wanted:
                await asyncio.sleep(0.01)

    async def left(self, port: int) -> None:
        """Until no client is connected there."""
        async with asyncio.timeout(60):
            while self.open[port]:
                await asyncio.sleep(0.01)

    async def none_of(self, name: str) -> None:
        """Until a backend has had no request for a hundred."""
        async with asyncio.timeout(60):
            while True:
                before = self.names[name]
                await self.more(100)
                if self.names[name] == before:
                    return

    def assert_none_failed(self) -> None:
        assert set(self.answers) == {200}, self.answers
        assert not self.broken, self.broken[:5]


@asynccontextmanager
async def load(host: str, port: int | Callable[[], int], clients: int = 8) -> AsyncIterator[Load]:
    """Clients at work for as long as the block; `port` is asked for each new connection."""
    one = Load(host, port if callable(port) else lambda: port)
    tasks = [asyncio.create_task(one._client()) for _ in range(clients)]
    try:
        yield one
    finally:
        one._stop = True
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
    for task in tasks:
        task.result()
