"""Puts an uploaded package into the blobstore: completed from files that are known, whose own files are then known too."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from paas.blobs.errors import BlobError, NoBlobError
from paas.cloud_controller.packages import archive
from paas.cloud_controller.packages.archive import ArchiveError, Resource
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import packages, resources

log = structlog.get_logger("packages")


async def keep_package(platform: Platform, guid: str, bits: Path | None, matched: list[Resource]) -> None:
    """The package is READY afterwards, or FAILED with what was wrong. `bits` is removed."""
    try:
        with tempfile.TemporaryDirectory(dir=platform.config.data) as place:
            whole = bits
            if whole is None:
                whole = Path(place) / "package.zip"
                await asyncio.to_thread(archive.start_empty, whole)
            await _complete(platform, whole, matched, Path(place))
            files = await asyncio.to_thread(archive.check, whole, platform.config.unzip_bytes)
            if not files:
                raise ArchiveError("it has no files: push from the folder of the app")
            carried = await platform.blobs.put(f"packages/{guid}", whole)
            await _set(platform, guid, state="READY", sha256=carried.sha256, size=carried.size, error=None)
            await _keep_files(platform, whole, Path(place))
    except ArchiveError as error:
        await _set(platform, guid, state="FAILED", error=f"The package cannot be used: {error}")
    except BlobError as error:
        log.warning("package_not_kept", package=guid, error=str(error))
        await _set(platform, guid, state="FAILED", error="The blobstore did not take the package: upload it again")
    except Exception:
        await _set(platform, guid, state="FAILED", error="The package could not be processed: upload it again")
        raise
    finally:
        if bits is not None:
            bits.unlink(missing_ok=True)


async def _set(platform: Platform, guid: str, **values: object) -> None:
    async with platform.database.begin() as db:
        await db.execute(sa.update(packages).where(packages.c.guid == guid).values(values))


async def _complete(platform: Platform, whole: Path, matched: list[Resource], place: Path) -> None:
    content = place / "content"
    for one in matched:
        try:
            await platform.blobs.get(f"resources/{one.sha1}", content, sha1=one.sha1)
        except NoBlobError:
            raise ArchiveError(f"the file {one.path} is not known any more: push again") from None
        await asyncio.to_thread(archive.add, whole, one, content)


async def _keep_files(platform: Platform, whole: Path, place: Path) -> None:
    """Best effort: a file that is not kept is uploaded again the next time."""
    found = await asyncio.to_thread(lambda: list(archive.worth_keeping(whole)))
    async with platform.database.begin() as db:
        rows = await db.execute(sa.select(resources.c.sha1).where(resources.c.sha1.in_([sha1 for _, _, sha1 in found])))
        known = set(rows.scalars())
        if known:
            await db.execute(sa.update(resources).where(resources.c.sha1.in_(known)).values(used_at=sa.func.now()))
    content = place / "file"
    for name, size, sha1 in found:
        if sha1 in known:
            continue
        with content.open("wb") as target:
            await asyncio.to_thread(archive.extract, whole, name, target)
        try:
            await platform.blobs.put(f"resources/{sha1}", content)
        except BlobError as error:
            log.warning("resource_not_kept", error=str(error))
            return
        known.add(sha1)
        async with platform.database.begin() as db:
            row = insert(resources).values(sha1=sha1, size=size).on_conflict_do_nothing()
            await db.execute(row)
