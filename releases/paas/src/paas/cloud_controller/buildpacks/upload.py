"""``POST /v3/buildpacks/G/upload``: a zip with the scripts of a buildpack."""

from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path, PurePosixPath

import sqlalchemy as sa
from starlette.datastructures import UploadFile
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin
from paas.cloud_controller.api.call import Call, Endpoint, accepted
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.buildpacks.endpoints import check_unique, present_buildpack, the_buildpack
from paas.cloud_controller.cleanup.blobs import remove_blobs
from paas.cloud_controller.jobs.job import Done, Job, Outcome, Work
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.packages.archive import ArchiveError, check
from paas.cloud_controller.packages.upload import read_form, saved
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import buildpacks

OLD_SECONDS = 1800
"""A staging that is under way may still read what was before."""


async def upload(call: Call) -> Response:
    """The content is in the blobstore when this is answered; the job makes it the one that is used."""
    need_admin(call)
    async with call.platform.database.begin() as db:
        call.connection = db
        row = await the_buildpack(call)
    if row.locked:
        raise unprocessable("Buildpack is locked")
    most = call.platform.config.limits.buildpack_bytes
    file = (await read_form(call, most)).get("bits")
    if not isinstance(file, UploadFile):
        raise unprocessable("Upload must include bits: a file")
    name = PurePosixPath((file.filename or "buildpack.zip").replace("\\", "/")).name
    if not name.endswith(".zip"):
        raise unprocessable(f"{name} is not a zip")
    path = await saved(call, file, most)
    try:
        stack = await asyncio.to_thread(_checked, path, call.platform.config.unzip_bytes)
        key = f"{row.guid}-{os.urandom(8).hex()}"
        carried = await call.platform.blobs.put(f"buildpacks/{key}", path)
    except ArchiveError as error:
        raise unprocessable(f"{name} is no buildpack: {error}") from None
    finally:
        path.unlink(missing_ok=True)
    if stack and row.stack and stack != row.stack:
        raise unprocessable(f"Uploaded buildpack stack ({stack}) does not match {row.stack}")
    async with call.platform.database.begin() as db:
        call.connection = db
        if stack and not row.stack:
            await check_unique(call, row.name, stack, row.guid)
        payload = {"key": key, "filename": name, "sha256": carried.sha256, "stack": stack or row.stack}
        job = await enqueue(db, "buildpack.upload", row.guid, payload, user=call.who.guid)
    return accepted(call, job, present_buildpack(call, row))


def _checked(path: Path, most: int) -> str:
    """The stack that the buildpack is for, where it says so; ArchiveError where it has none of the scripts."""
    check(path, most)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if not names & {"bin/compile", "bin/supply", "bin/finalize"}:
            raise ArchiveError("it has neither bin/compile nor bin/supply at its top")
        if "manifest.yml" not in names:
            return ""
        for line in archive.read("manifest.yml").decode(errors="replace").splitlines():
            if line.startswith("stack:"):
                return line.partition(":")[2].strip().strip("\"'")
    return ""


async def uploaded(platform: Platform, job: Job) -> Outcome:
    """The job ``buildpack.upload``."""
    async with platform.database.begin() as db:
        mine = buildpacks.c.guid == job.resource_guid
        before = (await db.execute(sa.select(buildpacks.c.key).where(mine).with_for_update())).first()
        if before is None:
            return Done()
        await db.execute(sa.update(buildpacks).where(mine).values(state="READY", **job.payload))
        if before.key and before.key != job.payload["key"]:
            await remove_blobs(db, [f"buildpacks/{before.key}"], OLD_SECONDS)
    return Done()


ENDPOINTS = [Endpoint("POST", "/v3/buildpacks/{guid}/upload", upload, transaction=False)]
WORKS: dict[str, Work] = {"buildpack.upload": uploaded}
