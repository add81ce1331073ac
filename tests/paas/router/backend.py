"""Backends for tests of the router: small asyncio HTTP servers that say who they are and what came."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Backend:
    """Answers each request with JSON of what came: `name`, `method`, `path`, `headers` (small letters), `size` of the body.

    `extra`: headers of the answers; `status`; `gate`: answers wait for it; `silent`: the request is read, never answered; `cuts`: the connection ends
    instead of an answer.
    """

    name: str
    extra: list[str] = field(default_factory=list)
    status: str = "200 OK"
    gate: asyncio.Event | None = None
    silent: bool = False
    cuts: bool = False
    port: int = 0
    requests: int = 0
    connections: int = 0
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self._server = await asyncio.start_server(self._serve, address, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a killed process: nothing listens, and what is open is cut."""
        if self._server is not None:
            self._server.close()
            for one in list(self._open):
                one.transport.abort()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = await self._body(reader, headers)
        self.requests += 1
        self.taken.set()
        if self.cuts:
            writer.transport.abort()
            return False
        if self.silent:
            await asyncio.Event().wait()
        if self.gate is not None:
            await self.gate.wait()
        body = json.dumps(
            {"name": self.name, "method": method, "path": path, "headers": headers, "size": size}
        ).encode()
        head = [f"HTTP/1.1 {self.status}", f"content-length: {len(body)}", *self.extra]
        writer.write("\r\n".join([*head, "", ""]).encode() + (b"" if method == "HEAD" else body))
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    @staticmethod
    async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> int:
        if headers.get("transfer-encoding") != "chunked":
            return len(await reader.readexactly(int(headers.get("content-length", 0))))
        size = 0
        while length := int((await reader.readuntil(b"\r\n")).strip(), 16):
            size += len(await reader.readexactly(length))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return size


@asynccontextmanager
async def backends(*names: str) -> AsyncIterator[list[Backend]]:
    """Started, one for each name."""
    all_ = [Backend(name) for name in names]
    for one in all_:
        await one.start()
    try:
        yield all_
    finally:
        for one in all_:
            await one.stop()
