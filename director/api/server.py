"""The API's listener: TLS where a certificate is given, plain HTTP on loopback behind a proxy otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from director.model.errors import DirectorError, Place


@dataclass(frozen=True)
class Address:
    """Where to listen; with a certificate and key (PEM files) by TLS."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # signals are main's business


class ApiServer:
    """Serves an application until told to stop."""

    def __init__(self, app: FastAPI, address: Address) -> None:
        self._app = app
        self.address = address
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when it listens."""
        at = self.address
        family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((at.host, at.port))
        except OSError as error:
            listening.close()
            raise DirectorError(
                f"Cannot listen on {at.host}:{at.port}: {error.strerror}",
                place=Place(path="/port"),
                remedy="Choose a free port, or stop what holds it",
            ) from None
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
                self._serving.result()
                raise DirectorError(f"The API listener on {at.host}:{at.port} ended at once")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Open requests get a few seconds."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
