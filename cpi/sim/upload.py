"""Uploads of a simulated agent: a real, tiny archive to the signed URL."""

from __future__ import annotations

import hashlib
import io
import ssl
import tarfile
from collections.abc import Mapping
from typing import Any, cast

import httpx2 as httpx

from cpi.sim.actions import Refused

WIDTH = 8
TIMEOUT = 60.0
URL_KEYS = {"compile_package_with_signed_url": "upload_signed_url", "fetch_logs_with_signed_url": "signed_url"}


def archive(method: str, request: Mapping[str, Any], cid: str) -> bytes:
    """A .tgz with one file, the same for the same request."""
    if method == "fetch_logs_with_signed_url":
        name, text = "./simulated.log", f"logs of simulated VM {cid}\n"
    else:
        name, text = "./simulated", f"package {request.get('name')} {request.get('version')}, not really compiled\n"
    raw, content = io.BytesIO(), text.encode()
    with tarfile.open(fileobj=raw, mode="w:gz", format=tarfile.GNU_FORMAT) as packed:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(content), 0o644, 1_700_000_000
        packed.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


class Uploads:
    """One HTTP client per CA, shared by all agents."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def perform(self, method: str, arguments: list[Any], cid: str, ca: str) -> dict[str, Any]:
        """Upload, and answer as the action does. Refused tells what the blobstore said."""
        request = cast("dict[str, Any]", arguments[0] if arguments and isinstance(arguments[0], dict) else {})
        url, headers = request.get(URL_KEYS[method]), request.get("blobstore_headers") or {}
        if not isinstance(url, str) or not url:
            raise Refused(f"{method}: {URL_KEYS[method]} is missing")
        data = archive(method, request, cid)
        try:
            answer = await self._client(ca).put(url, content=data, headers=headers)
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise Refused(f"{method}: uploading failed: {error or type(error).__name__}") from None
        if answer.status_code not in (200, 201, 204):
            raise Refused(f"{method}: the blobstore answered {answer.status_code} to the upload")
        sha1 = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return {"result": {"sha1": sha1}} if method.startswith("compile") else {"sha1": sha1}

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    def _client(self, ca: str) -> httpx.AsyncClient:
        client = self._clients.get(ca)
        if client is None:
            context = ssl.create_default_context(cadata=ca or None)
            limits = httpx.Limits(max_connections=WIDTH)
            client = self._clients[ca] = httpx.AsyncClient(
                verify=context, timeout=TIMEOUT, limits=limits, trust_env=False
            )
        return client
