"""The TLS listener behind signed URLs: GET (with Range) and PUT of one blob each, nothing else; no listing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.signed import Signer
from director.model.errors import DirectorError, NotFound, Place

_BATCH = 4 << 20


class _Whole(FileResponse):
    chunk_size = 1 << 20


def application(blobs: FolderBlobs, signer: Signer) -> Starlette:
    """The ASGI application. 403: the signature is wrong or too old; 404: no such blob; 201: stored."""

    async def serve(request: Request) -> Response:
        blob_id = request.path_params["blob_id"]
        query = request.query_params
        method = "GET" if request.method == "HEAD" else request.method
        if not signer.allows(blob_id, method, query.get("expires", ""), query.get("signature", "")):
            return PlainTextResponse("The URL's signature is wrong or has expired.\n", 403)
        try:
            if method == "PUT":
                return await _put(request, blobs, blob_id)
            return _Whole(await blobs.path(blob_id), media_type="application/octet-stream")
        except NotFound as error:
            return PlainTextResponse(f"{error.message}\n", 404)

    return Starlette(routes=[Route("/blobs/{blob_id}", serve, methods=["GET", "PUT"])])


async def _put(request: Request, blobs: FolderBlobs, blob_id: str) -> Response:
    incoming = blobs.incoming()
    wanted = request.headers.get("content-length")
    try:
        with incoming.open("xb") as file:
            batch, held, size = list[bytes](), 0, 0
            async for chunk in request.stream():
                batch.append(chunk)
                held, size = held + len(chunk), size + len(chunk)
                if held >= _BATCH:
                    await asyncio.to_thread(file.write, b"".join(batch))
                    batch, held = [], 0
            file.write(b"".join(batch))
            if wanted is not None and int(wanted) != size:
                return PlainTextResponse(f"Expected {wanted} bytes, received {size}.\n", 400)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        await asyncio.to_thread(blobs.settle, incoming, blob_id)
    except ClientDisconnect:
        return Response(status_code=400)
    except OSError as error:
        return PlainTextResponse(f"The blob could not be stored: {error.strerror}\n", 507)
    finally:
        incoming.unlink(missing_ok=True)
    return Response(status_code=201)


@dataclass(frozen=True)
class ListenAt:
    """Address and port (0: any free one), and the PEM files of the listener's certificate."""

    host: str
    port: int
    certificate: Path
    key: Path


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # the director's own signals are not this listener's business


class BlobListener:
    """Runs beside the API in the director's event loop."""

    def __init__(self, blobs: FolderBlobs, signer: Signer, at: ListenAt) -> None:
        self._app = application(blobs, signer)
        self._at = at
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = at.port

    async def start(self) -> None:
        """Returns when it listens; `port` is the real one then."""
        at = self._at
        family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((at.host, at.port))
        except OSError as error:
            listening.close()
            raise DirectorError(
                f"Cannot listen for blobs on {at.host}:{at.port}: {error.strerror}",
                place=Place(path="/meristem/blobs"),
                remedy="Choose a free port, or stop what holds it.",
            ) from None
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            ssl_certfile=at.certificate,
            ssl_keyfile=str(at.key),
            access_log=False,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._serving.done():
                listening.close()
                self._serving.result()
                raise DirectorError(f"The blob listener on {at.host}:{at.port} ended at once")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._server = self._serving = None
