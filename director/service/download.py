"""Fetch a remote release or stemcell into the spool."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2

from director.model.errors import BadRequest, NotFound

REDIRECTS = 9


def shown(location: str) -> str:
    """A URL as messages may show it: without credentials and query."""
    scheme, _, rest = location.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


async def download(location: str, path: Path) -> None:
    """GET by http(s), basic credentials from the URL, redirects followed. 100002 when it is not there, 100001 for any other failure."""
    name = shown(location)
    try:
        async with (
            httpx2.AsyncClient(follow_redirects=True, max_redirects=REDIRECTS, timeout=60) as client,
            client.stream("GET", location) as reply,
        ):
            if reply.status_code == 404:
                raise NotFound(f"No resource found at '{name}'", code=100002, remedy="Correct the URL")
            if reply.status_code >= 300:
                raise BadRequest(
                    f"Downloading remote resource failed: {name} answered {reply.status_code}", code=100001
                )
            with path.open("wb") as out:
                async for chunk in reply.aiter_bytes():
                    await asyncio.to_thread(out.write, chunk)
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
        raise BadRequest(f"Downloading remote resource failed: {name}: {error}", code=100001) from None
