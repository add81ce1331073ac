"""Files over HTTP: streamed to and from disk, in place only when whole and of the right digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx2

from paas.blobs.errors import BlobDamagedError, BlobError, BlobRefusedError, BlobStoreAwayError, NoBlobError

CHUNK = 1 << 20
TIMEOUT = httpx2.Timeout(60, connect=5)
"""Seconds: for each read and write, and to connect."""


@dataclass(frozen=True)
class Carried:
    """What went over: bytes, and their digests in hex."""

    size: int
    sha256: str
    sha1: str


class Transfer:
    """Downloads and uploads at addresses that need no password, such as signed ones; `ca` is the file that servers' certificates are checked with."""

    def __init__(self, ca: str = "", auth: tuple[str, str] | None = None, timeout: httpx2.Timeout = TIMEOUT) -> None:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
        self._client = httpx2.AsyncClient(verify=verify, auth=auth, timeout=timeout, trust_env=False)

    async def __aenter__(self) -> Transfer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def download(
        self, url: str, path: Path, *, name: str = "", sha256: str = "", sha1: str = "", most: int = 0
    ) -> Carried:
        """Write what `url` holds to `path`, at once when it is whole. `name` stands for it in errors; `most` bytes (0: any) are taken.

        NoBlobError for 404 and 410, BlobDamagedError for another digest than the one given, BlobStoreAwayError when it may work later.
        """
        name = name or _without_query(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                carried = await self._receive(url, file, name, most)
            for kind, wanted, got in (("SHA-256", sha256, carried.sha256), ("SHA-1", sha1, carried.sha1)):
                if wanted and wanted != got:
                    raise BlobDamagedError(f"{name}: its {kind} is {got}, expected was {wanted}")
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return carried

    async def upload(self, path: Path, url: str, *, name: str = "") -> Carried:
        """PUT the file at `path` to `url`; what was sent."""
        name = name or _without_query(url)
        digests = _Digests()
        headers = {"content-length": str(path.stat().st_size), "content-type": "application/octet-stream"}
        try:
            with path.open("rb") as file:
                response = await self._client.put(url, content=_chunks(file, digests), headers=headers)
        except httpx2.HTTPError as error:
            raise _away(name, error) from None
        _raise_for(response, name)
        return digests.carried()

    async def exists(self, url: str, *, name: str = "") -> bool:
        """Whether there is a blob at `url`."""
        name = name or _without_query(url)
        try:
            response = await self._client.head(url)
        except httpx2.HTTPError as error:
            raise _away(name, error) from None
        if response.status_code == 404:
            return False
        _raise_for(response, name)
        return True

    async def delete(self, url: str, *, name: str = "") -> bool:
        """Take the blob away; whether there was one."""
        name = name or _without_query(url)
        try:
            response = await self._client.delete(url)
        except httpx2.HTTPError as error:
            raise _away(name, error) from None
        if response.status_code == 404:
            return False
        _raise_for(response, name)
        return True

    async def _receive(self, url: str, file: IO[bytes], name: str, most: int) -> Carried:
        digests = _Digests()
        try:
            async with self._client.stream("GET", url, headers={"accept-encoding": "identity"}) as response:
                _raise_for(response, name)
                async for chunk in response.aiter_raw(CHUNK):
                    if most and digests.size + len(chunk) > most:
                        raise BlobDamagedError(f"{name} is larger than the {most} bytes that are allowed")
                    await asyncio.to_thread(_write, file, chunk, digests)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _away(name, error) from None
        return digests.carried()


class _Digests:
    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._sha256.update(chunk)
        self._sha1.update(chunk)

    def carried(self) -> Carried:
        return Carried(self.size, self._sha256.hexdigest(), self._sha1.hexdigest())


def _write(file: IO[bytes], chunk: bytes, digests: _Digests) -> None:
    file.write(chunk)
    digests.add(chunk)


def _read(file: IO[bytes], digests: _Digests) -> bytes:
    chunk = file.read(CHUNK)
    digests.add(chunk)
    return chunk


async def _chunks(file: IO[bytes], digests: _Digests) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(_read, file, digests):
        yield chunk


def _raise_for(response: httpx2.Response, name: str) -> None:
    status = response.status_code
    if status < 300:
        return
    if status in (404, 410):
        # secure_link's answer to an expired address is 410: whoever holds one has to ask for another
        raise NoBlobError(f"{name}: there is no such blob" if status == 404 else f"{name}: the address has expired")
    if status in (500, 502, 503, 504, 507):
        raise BlobStoreAwayError(f"{name}: the server answers {status}")
    if status == 413:
        raise BlobRefusedError(f"{name} is larger than the server takes (413)")
    if status in (401, 403):
        raise BlobRefusedError(f"{name}: the server refuses ({status})")
    raise BlobError(f"{name}: the server answers {status}")


def _away(name: str, error: Exception) -> BlobError:
    if isinstance(error, (httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
        return BlobError(f"{name} is no address that a blob can be carried from")
    return BlobStoreAwayError(f"{name}: {type(error).__name__}: {str(error) or 'no answer'}")


def _without_query(url: str) -> str:
    return url.partition("?")[0]
