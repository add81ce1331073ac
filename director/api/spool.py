"""Uploads: the raw body or the first file of a multipart form goes to a file of the spool; a JSON body names a URL that the task fetches."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.requests import Request

from director.api.form_file import save_form_file
from director.api.replies import content_type, json_body, no_endpoint
from director.model.errors import BadRequest
from director.service.download import shown
from director.service.house import House


class Upload(Struct, frozen=True):
    """``path`` is removed by the task that takes it; ``name`` is what messages call it; ``sha1`` a digest to verify or empty;
    ``location`` the URL to fetch it from, empty when it is there."""

    path: str
    name: str
    sha1: str
    location: str = ""


async def take_upload(request: Request, house: House) -> Upload:
    """What POST /releases and POST /stemcells were given."""
    house.spool.mkdir(parents=True, exist_ok=True)
    path = house.spool / f"upload-{uuid.uuid4()}"
    sha1 = request.query_params.get("sha1", "")
    kind = content_type(request)
    if kind == "application/json":
        return await _remote(request, path, sha1)
    if kind not in ("application/x-compressed", "multipart/form-data"):
        raise no_endpoint(request)
    name = "uploaded archive"
    try:
        if kind == "multipart/form-data":
            name = await save_form_file(request.headers["content-type"], request.stream(), path)
        else:
            await _body(request, path)
        if not path.stat().st_size:
            raise BadRequest("The upload is empty", code=40001, remedy="Send the tarball as the body")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Upload(str(path), name, sha1)


async def _body(request: Request, path: Path) -> None:
    with path.open("wb") as out:
        async for chunk in request.stream():
            await asyncio.to_thread(out.write, chunk)


async def _remote(request: Request, path: Path, sha1: str) -> Upload:
    body: Any = await json_body(request)
    location = body.get("location") if isinstance(body, dict) else None
    if not isinstance(location, str) or not _fetchable(location):
        raise BadRequest("'location' must be an http or https URL", code=40005, remedy="Files are uploaded as the body")
    given = body.get("sha1")
    if given is not None and not isinstance(given, str):
        raise BadRequest("'sha1' must be text", code=40000, remedy="Give a digest such as sha256:...")
    if sha1 and given:
        raise BadRequest("'sha1' is given twice, in the query and in the body", code=40005, remedy="Give it once")
    return Upload(str(path), shown(location), sha1 or given or "", location)


def _fetchable(location: str) -> bool:
    try:
        parts = urlsplit(location)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
