"""Droplets on this machine: fetched once for all instances, checked by digest, the longest unused removed when there is no room."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import ssl
from pathlib import Path
from uuid import uuid4

import httpx2
import structlog

log = structlog.get_logger("dea")

DIGESTS = {40: "sha1", 64: "sha256"}
TRIES = 3
AGAIN_SECONDS = 0.5
TIMEOUT = httpx2.Timeout(60, connect=10)


class DropletError(Exception):
    """The droplet cannot be had; says why, without its address: that is signed. `final`: to ask again is of no use."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Droplets:
    """Files in `directory`, named by digest, at most `room` bytes of them (those in use do not count out)."""

    def __init__(self, directory: Path, room: int, ca: str = "") -> None:
        self._directory = directory
        self._room = room
        self._context = ssl.create_default_context(cafile=ca) if ca else None
        self._locks: dict[str, asyncio.Lock] = {}
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob("*.part"):
            left.unlink(missing_ok=True)

    async def fetch(self, digest: str, url: str) -> Path:
        """The droplet's file; fetched where it is not there yet. DropletError where that cannot be."""
        if len(digest) not in DIGESTS or not re.fullmatch("[0-9a-f]+", digest):
            raise DropletError(f"{digest!r} is no digest of a droplet")
        lock = self._locks.setdefault(digest, asyncio.Lock())
        async with lock:
            path = self._directory / f"{digest}.tgz"
            if path.exists():
                os.utime(path)
                return path
            for left in reversed(range(TRIES)):
                try:
                    await self._get(digest, url, path)
                    break
                except DropletError as error:
                    if error.final or not left:
                        raise
                    await asyncio.sleep(AGAIN_SECONDS)
            self._make_room(path)
            return path

    async def _get(self, digest: str, url: str, path: Path) -> None:
        part = self._directory / f"{uuid4().hex}.part"
        check = hashlib.new(DIGESTS[len(digest)], usedforsecurity=False)
        try:
            verify = self._context or True
            async with (
                httpx2.AsyncClient(timeout=TIMEOUT, verify=verify, follow_redirects=True, trust_env=False) as client,
                client.stream("GET", url) as answer,
            ):
                if answer.status_code != 200:
                    refused = f"the blobstore answers {answer.status_code} for droplet {digest}"
                    raise DropletError(refused, final=answer.status_code < 500)
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
                    async for piece in answer.aiter_raw():
                        check.update(piece)
                        file.write(piece)
            if check.hexdigest() != digest:
                raise DropletError(f"droplet {digest}: what the blobstore gave has digest {check.hexdigest()}")
            part.replace(path)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise DropletError(f"droplet {digest} cannot be fetched: {type(error).__name__}") from None
        except OSError as error:
            raise DropletError(f"droplet {digest} cannot be kept: {error.strerror}", final=True) from None
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, fresh: Path) -> None:
        files = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in self._directory.glob("*.tgz"))
        total = sum(size for _, size, _ in files)
        for _, size, file in files:
            digest = file.name.partition(".")[0]
            if total <= self._room:
                return
            if file == fresh or ((lock := self._locks.get(digest)) and lock.locked()):
                continue
            with contextlib.suppress(OSError):
                file.unlink()
            self._locks.pop(digest, None)
            total -= size
            log.info("droplet_removed", digest=digest)
