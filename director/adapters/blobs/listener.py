"""The TLS listener behind signed URLs: GET (with Range) and PUT of one blob each, nothing else; no listing."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.signed import Signer
from director.adapters.listener import Address, Listener
from director.model.errors import NotFound

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


class BlobListener(Listener):
    """Runs beside the API in the director's event loop."""

    def __init__(self, blobs: FolderBlobs, signer: Signer, address: Address) -> None:
        super().__init__(application(blobs, signer), replace(address, setting="/meristem/blobs"))
