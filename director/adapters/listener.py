"""A listener for an ASGI application in the director's event loop: TLS where a certificate is given, plain HTTP otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from director.model.errors import DirectorError, Place


@dataclass(frozen=True)
class Address:
    """Address and port (0: any free one); by TLS with a certificate and its key (PEM files). ``setting`` is its key in director.yml."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    setting: str = "/port"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # signals are main's business


class Listener:
    """Serves an application until told to stop; `port` is the real one once it listens."""

    def __init__(self, app: Any, address: Address) -> None:
        self._app = app
        self.address = address
        self.port = address.port
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when it listens. Raises when the address cannot be had."""
        at = self.address
        family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
        # with the protocol named, asyncio sees that it is TCP and sends small replies at once
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((at.host, at.port))
        except OSError as error:
            listening.close()
            raise DirectorError(
                f"Cannot listen on {at.host}:{at.port}: {error.strerror}",
                place=Place(path=at.setting),
                remedy="Choose a free port, or stop what holds it",
            ) from None
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            ssl_certfile=at.certificate,
            ssl_keyfile=str(at.key) if at.key else None,
            access_log=False,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._serving.done():
                listening.close()
                self._serving.result()
                raise DirectorError(f"The listener on {at.host}:{at.port} ended at once")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Open requests get a few seconds."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
