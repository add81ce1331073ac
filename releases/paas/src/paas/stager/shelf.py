"""Admin buildpacks, unpacked and kept by their key: each is fetched once, and the ones longest unused go."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from paas.blobs.errors import BlobError
from paas.blobs.transfer import Transfer
from paas.messages.staging import AdminBuildpack
from paas.stager.driver.failure import StagingError
from paas.stager.driver.fetch import rooted
from paas.stager.driver.zips import ZipRefusedError, unpack

log = structlog.get_logger("stager")
KEPT = 24


class Shelf:
    """Below `directory`; nobody else writes there."""

    def __init__(self, directory: Path, transfer: Transfer, most_bytes: int) -> None:
        self._directory = directory
        self._transfer = transfer
        self._most_bytes = most_bytes
        self._locks: dict[str, asyncio.Lock] = {}
        self._used: Counter[str] = Counter()
        directory.mkdir(parents=True, exist_ok=True)
        for half in directory.glob(".new-*"):
            shutil.rmtree(half, ignore_errors=True)

    @asynccontextmanager
    async def buildpacks(self, wanted: list[AdminBuildpack]) -> AsyncGenerator[dict[str, Path]]:
        """Key -> root of each, there for as long as the block; StagingError names one that cannot be had."""
        names = [_folder(one.key) for one in wanted]
        self._used.update(names)
        try:
            roots = await asyncio.gather(*(self._root(one) for one in wanted))
            yield {one.key: root for one, root in zip(wanted, roots, strict=True)}
        finally:
            self._used.subtract(names)
            self._used += Counter()
            await asyncio.to_thread(self._prune)

    async def _root(self, wanted: AdminBuildpack) -> Path:
        folder = _folder(wanted.key)
        place = self._directory / folder
        name = f"buildpack {wanted.name or wanted.key}"
        async with self._locks.setdefault(folder, asyncio.Lock()):
            try:
                if not place.is_dir():
                    await self._fetch(wanted, place, name)
                os.utime(place)
                return await asyncio.to_thread(rooted, place, name)
            except BlobError as error:
                raise StagingError("StagerError", f"{name} cannot be fetched: {error}") from None
            except ZipRefusedError as error:
                raise StagingError("StagerError", f"{name}: {error}") from None

    async def _fetch(self, wanted: AdminBuildpack, place: Path, name: str) -> None:
        new = self._directory / f".new-{place.name}"
        archive = new / "buildpack.zip"
        try:
            await self._transfer.download(wanted.url, archive, name=name, most=self._most_bytes)
            await asyncio.to_thread(unpack, archive, new / "tree", self._most_bytes)
            (new / "tree").rename(place)
            log.info("buildpack_kept", name=wanted.name)
        finally:
            await asyncio.to_thread(shutil.rmtree, new, True)

    def _prune(self) -> None:
        held = [path for path in self._directory.iterdir() if path.is_dir() and not path.name.startswith(".")]
        for path in sorted(held, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            if not self._used[path.name]:
                shutil.rmtree(path, ignore_errors=True)


def _folder(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
