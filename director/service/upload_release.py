"""Upload a release: check the archive, keep its blobs, write the version in one commit."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from director.engine.context import TaskContext
from director.model.errors import BadRequest
from director.model.rows import CompiledPackageRow, JobRow, PackageRow, ReleaseRow
from director.plan.packages import dependency_key
from director.ports.store import Changes
from director.ports.task_log import TaskLog
from director.service.audit import audit
from director.service.formats import read_in_thread
from director.service.house import House
from director.service.stage import StageLog
from meristem.formats import digests, versions
from meristem.formats.release_archive import Release, ShippedJob, ShippedPackage, open_release


class ReleaseRequest(Struct, frozen=True):
    """``path`` is the uploaded file, removed when the task ends; ``name`` what messages call it."""

    path: str
    name: str = "release"
    sha1: str = ""
    rebase: bool = False
    fix: bool = False


async def run_upload_release(house: House, context: TaskContext) -> str | None:
    """Handler of ``update_release``."""
    request = msgspec.convert(context.task.request, ReleaseRequest)
    path = Path(request.path)
    if request.sha1:
        async with StageLog(context.log, "Verifying remote release").task("Verifying remote release"):
            await read_in_thread(lambda: digests.verify_file(path, request.sha1, place=request.name))
    opening = open_release(path, house.spool, name=request.name)
    async with StageLog(context.log, "Extracting release").task("Extracting release"):
        release = await read_in_thread(opening.__enter__)
    try:
        await context.lock(f"release/{release.manifest.name}")
        row, compiled = await _rows(house, context.log, release, request)
        await context.commit(Changes(put=(row, *compiled)))
        async with StageLog(context.log, "Release has been created").task(row.key):
            await audit(house, context.task, "create", "release", row.key)
    finally:
        await read_in_thread(lambda: opening.__exit__(None, None, None))
        path.unlink(missing_ok=True)
    return f"Created release '{row.key}'"


async def _rows(
    house: House, log: TaskLog, release: Release, request: ReleaseRequest
) -> tuple[ReleaseRow, list[CompiledPackageRow]]:
    manifest = release.manifest
    known = await house.store.find(ReleaseRow, name=manifest.name)
    version = versions.next_dev([one.version for one in known]) if request.rebase else manifest.version
    existing = next((one for one in known if one.version == version), None)
    if existing is not None and (existing.commit_hash, existing.uncommitted_changes) != (
        manifest.commit_hash or "",
        manifest.uncommitted_changes,
    ):
        raise BadRequest(
            f"release '{manifest.name}/{version}' has already been uploaded with commit_hash as '{existing.commit_hash}'",
            code=30014,
            remedy="Create a new version of the release, or upload with --rebase",
        )
    jobs = {job.name: job for one in known for job in one.jobs} if not request.fix else {}
    by_fingerprint = {job.fingerprint: job for one in known for job in one.jobs} if not request.fix else {}
    packages = {
        package.fingerprint: package
        for one in await house.store.find(ReleaseRow)
        for package in one.packages
        if package.blob_id
    }
    if existing is not None:
        _refuse_other(existing, release)
        jobs = {**jobs, **{job.name: job for job in existing.jobs}}
    job_rows: list[JobRow] = []
    stage = StageLog(log, "Creating new jobs", len(release.jobs))
    for shipped in release.jobs:
        held = by_fingerprint.get(shipped.entry.fingerprint)
        if held is not None and held.name == shipped.entry.name:
            job_rows.append(msgspec.structs.replace(held, version=shipped.entry.version))
            continue
        async with stage.task(f"{shipped.entry.name}/{shipped.entry.fingerprint}"):
            job_rows.append(await _job(house, shipped))
    package_rows: list[PackageRow] = []
    stage = StageLog(log, "Creating new packages", len(release.packages))
    for shipped in release.packages:
        held = packages.get(shipped.entry.fingerprint) if not request.fix else None
        if manifest.compiled:
            held_blob = packages.get(shipped.entry.fingerprint)
            package_rows.append(
                _package_row(shipped, held_blob.blob_id if held_blob else "", held_blob.digest if held_blob else "")
            )
        elif held is not None:
            package_rows.append(_package_row(shipped, held.blob_id, held.digest))
        elif shipped.archive is None:
            raise BadRequest(
                f"Package '{shipped.entry.name}/{shipped.entry.fingerprint}' is in neither the archive nor the director",
                code=60001,
                remedy="Upload the release with its packages (--fix sends them all)",
            )
        else:
            async with stage.task(f"{shipped.entry.name}/{shipped.entry.fingerprint}"):
                blob, digest = await house.blobs.put_file(shipped.archive)
                package_rows.append(_package_row(shipped, blob, digest))
    row = ReleaseRow(
        name=manifest.name,
        version=version,
        commit_hash=manifest.commit_hash or "",
        uncommitted_changes=manifest.uncommitted_changes,
        jobs=tuple(job_rows),
        packages=tuple(package_rows),
    )
    compiled = await _compiled(house, log, release, row) if manifest.compiled else []
    return row, compiled


def _refuse_other(existing: ReleaseRow, release: Release) -> None:
    """The same version must hold the same jobs and packages."""
    jobs = {job.name: job.fingerprint for job in existing.jobs}
    for shipped in release.jobs:
        if jobs.get(shipped.entry.name, shipped.entry.fingerprint) != shipped.entry.fingerprint:
            raise BadRequest(
                f"job '{shipped.entry.name}' had different fingerprint in previously uploaded release '{existing.key}'",
                code=30013,
                remedy="Create a new version of the release, or upload with --rebase",
            )
    packages = {package.name: package.fingerprint for package in existing.packages}
    for shipped in release.packages:
        if packages.get(shipped.entry.name, shipped.entry.fingerprint) != shipped.entry.fingerprint:
            raise BadRequest(
                f"package '{shipped.entry.name}' had different fingerprint in previously uploaded release '{existing.key}'",
                code=30012,
                remedy="Create a new version of the release, or upload with --rebase",
            )


async def _job(house: House, shipped: ShippedJob) -> JobRow:
    blob, digest = await house.blobs.put_file(shipped.archive)
    entry = shipped.entry
    names = shipped.job.spec.packages or entry.packages
    return JobRow(entry.name, entry.fingerprint, entry.version, digest, blob, shipped.job.spec.raw, tuple(names))


def _package_row(shipped: ShippedPackage, blob: str, digest: str) -> PackageRow:
    entry = shipped.entry
    return PackageRow(entry.name, entry.fingerprint, entry.version, digest, blob, tuple(entry.dependencies))


async def _compiled(house: House, log: TaskLog, release: Release, row: ReleaseRow) -> list[CompiledPackageRow]:
    """Compiled packages of a compiled release; those already held are kept."""
    stage = StageLog(log, "Creating new compiled packages", len(release.packages))
    result: list[CompiledPackageRow] = []
    by_name = {package.name: package for package in row.packages}
    for shipped in release.packages:
        entry = shipped.entry
        key = dependency_key(row, by_name[entry.name])
        compiled = CompiledPackageRow(
            name=entry.name,
            fingerprint=entry.fingerprint,
            stemcell=entry.stemcell or "",
            dependency_key=key,
            build=1,
            digest=entry.sha1,
            blob_id="",
        )
        if await house.store.get(CompiledPackageRow, compiled.key) is not None:
            continue
        assert shipped.archive is not None
        async with stage.task(f"{entry.name}/{entry.fingerprint} for {entry.stemcell}"):
            blob, digest = await house.blobs.put_file(shipped.archive)
            result.append(msgspec.structs.replace(compiled, blob_id=blob, digest=digest))
    return result
