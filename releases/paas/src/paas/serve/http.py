"""Serves an ASGI application on a TCP port (with TLS where files are given) or a unix socket, until an event is set."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn

GRACE_SECONDS = 10


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen: `socket`, a path, or `host` and `port` with the files of TLS."""

    host: str = "127.0.0.1"
    port: int = 0
    socket: str = ""
    certificate: str = ""
    key: str = ""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: asyncio.Event | None) -> None:
        super().__init__(config)
        self._listens = started

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # the process has one handler for signals, in `paas.serve.process`
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._listens is not None and self.started:
            self._listens.set()


async def serve(app: Any, listen: Listen, stop: asyncio.Event, started: asyncio.Event | None = None) -> None:
    """Serve until `stop`; requests under way may end, for at most ten seconds. `started` is set once it listens."""
    options: dict[str, Any] = {"uds": listen.socket} if listen.socket else {"host": listen.host, "port": listen.port}
    if listen.certificate:
        options |= {"ssl_certfile": listen.certificate, "ssl_keyfile": listen.key}
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_SECONDS, server_header=False, **options
    )
    server = _Server(config, started)

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve()
    finally:
        ending.cancel()
