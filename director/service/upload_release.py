"""Upload a release: fetch it when it lies elsewhere, check the archive, keep its blobs, write the version in one commit."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
from msgspec import Struct

from director.engine.cancel import Interrupted
from director.engine.context import TaskContext
from director.model.errors import LeaseLost
from director.ports.store import Changes
from director.service.audit import audited
from director.service.download import download
from director.service.formats import read_in_thread
from director.service.house import House
from director.service.release_rows import check_dependencies, release_rows
from director.service.stage import StageLog
from meristem.formats import digests
from meristem.formats.release_archive import Release, open_release


class ReleaseRequest(Struct, frozen=True):
    """``path`` is the uploaded file, or where ``location`` (a URL) is fetched to; removed when the task ends. ``name`` is what messages
    call it."""

    path: str
    name: str = "release"
    sha1: str = ""
    rebase: bool = False
    fix: bool = False
    location: str = ""


async def run_upload_release(house: House, context: TaskContext) -> str | None:
    """Handler of ``update_release``."""
    request = msgspec.convert(context.task.request, ReleaseRequest)
    path = Path(request.path)
    async with spooled(path):
        if request.location:
            async with StageLog(context.log, "Downloading remote release").task("Downloading remote release"):
                await download(request.location, path)
        if request.sha1:
            async with StageLog(context.log, "Verifying remote release").task("Verifying remote release"):
                await read_in_thread(lambda: digests.verify_file(path, request.sha1, place=request.name))
        async with _opened(house, context, request, path) as release:
            await context.lock(f"release/{release.manifest.name}")
            async with StageLog(context.log, "Resolving package dependencies").task("Resolving package dependencies"):
                check_dependencies(release)
            row, compiled = await release_rows(house, context.log, release, rebase=request.rebase, fix=request.fix)
            title = "Compiled Release has been created" if release.manifest.compiled else "Release has been created"
            async with (
                audited(house, context, "create", "release", row.key),
                StageLog(context.log, title).task(row.key),
            ):
                await context.commit(Changes(put=(row, *compiled)))
    return f"Created release '{row.key}'"


@contextlib.asynccontextmanager
async def spooled(*paths: Path) -> AsyncGenerator[None]:
    """Remove spooled files and directories when their task ends; while it only pauses, its next life needs them."""
    try:
        yield
    except (LeaseLost, Interrupted):
        raise
    except Exception:
        _remove(paths)
        raise
    _remove(paths)


def _remove(paths: tuple[Path, ...]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _opened(house: House, context: TaskContext, request: ReleaseRequest, path: Path) -> AsyncGenerator[Release]:
    """The unpacked release, its digests and specs checked."""
    opening = open_release(path, house.spool, name=request.name)
    async with StageLog(context.log, "Extracting release").task("Extracting release"):
        release = await read_in_thread(opening.__enter__)
    try:
        yield release
    finally:
        await read_in_thread(lambda: opening.__exit__(None, None, None))
