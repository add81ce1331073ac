"""Uploads: the raw body or the first file of a multipart form goes to a file of the spool; a JSON body names a URL."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import httpx2
from starlette.datastructures import UploadFile
from starlette.requests import Request

from director.api.replies import content_type, json_body
from director.model.errors import BadRequest, NotFound
from director.service.house import House

REDIRECTS = 9


async def take_upload(request: Request, house: House) -> tuple[Path, str, str]:
    """(file, what messages call it, digest to verify). The file is removed by the task that takes it."""
    house.spool.mkdir(parents=True, exist_ok=True)
    path = house.spool / f"upload-{uuid.uuid4()}"
    sha1 = request.query_params.get("sha1", "")
    kind = content_type(request)
    try:
        if kind == "application/json":
            return await _remote(request, path, sha1)
        if kind == "multipart/form-data":
            async with request.form() as form:
                file = next((one for one in form.values() if isinstance(one, UploadFile)), None)
                if file is None:
                    raise BadRequest(
                        "The form holds no file", code=40001, remedy="Send the tarball as a file of the form"
                    )
                with path.open("wb") as out:
                    while chunk := await file.read(1 << 20):
                        await asyncio.to_thread(out.write, chunk)
                return path, file.filename or "upload", sha1
        if kind != "application/x-compressed":
            raise NotFound(f"Endpoint '{request.url.path}' not found.", code=0)
        size = 0
        with path.open("wb") as out:
            async for chunk in request.stream():
                size += len(chunk)
                await asyncio.to_thread(out.write, chunk)
        if not size:
            raise BadRequest("The upload is empty", code=40001, remedy="Send the tarball as the body")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, "uploaded archive", sha1


async def _remote(request: Request, path: Path, sha1: str) -> tuple[Path, str, str]:
    body: Any = await json_body(request)
    location = body.get("location") if isinstance(body, dict) else None
    if not isinstance(location, str) or not location.startswith(("http://", "https://")):
        raise BadRequest("'location' must be an http or https URL", code=40005, remedy="Files are uploaded as the body")
    if sha1 and body.get("sha1"):
        raise BadRequest("'sha1' is given twice, in the query and in the body", code=40005, remedy="Give it once")
    shown = location.partition("?")[0].rpartition("@")[2]
    async with httpx2.AsyncClient(follow_redirects=True, max_redirects=REDIRECTS, timeout=60) as client:
        try:
            async with client.stream("GET", location) as reply:
                if reply.status_code == 404:
                    raise NotFound(f"No resource found at '{shown}'", code=100002)
                if reply.status_code >= 300:
                    raise BadRequest(
                        f"Downloading remote resource failed: {shown} answered {reply.status_code}", code=100001
                    )
                with path.open("wb") as out:
                    async for chunk in reply.aiter_bytes():
                        await asyncio.to_thread(out.write, chunk)
        except httpx2.HTTPError as error:
            raise BadRequest(f"Downloading remote resource failed: {shown}: {error}", code=100001) from None
    return path, shown, sha1 or str(body.get("sha1") or "")
