"""From an opened release to its rows: what the director holds already is used again, the rest becomes blobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from director.model.errors import BadRequest
from director.model.rows import CompiledPackageRow, JobRow, PackageRow, ReleaseRow
from director.plan.packages import dependency_key, transitive
from director.ports.task_log import TaskLog
from director.service.house import House
from director.service.stage import StageLog
from meristem.formats import versions
from meristem.formats.release_archive import Release, ShippedJob, ShippedPackage


class Held(Struct, frozen=True):
    """What is there by fingerprint: jobs of the same release, packages with source of any."""

    jobs: Mapping[str, JobRow]
    packages: Mapping[str, PackageRow]


async def release_rows(
    house: House, log: TaskLog, release: Release, *, rebase: bool, fix: bool
) -> tuple[ReleaseRow, list[CompiledPackageRow]]:
    """The release version and its compiled packages, for one commit. With ``fix`` nothing held is trusted."""
    manifest = release.manifest
    known = await house.store.find(ReleaseRow, name=manifest.name)
    version = versions.next_dev([one.version for one in known]) if rebase else manifest.version
    existing = next((one for one in known if one.version == version), None)
    if existing is not None:
        _refuse_other(existing, release)
    held = await _held(house, known)
    if manifest.compiled:
        packages = [_source_of(one, held) for one in release.packages]
    else:
        packages = await _packages(house, log, release.packages, Held({}, {}) if fix else held)
    row = ReleaseRow(
        name=manifest.name,
        version=version,
        commit_hash=manifest.commit_hash or "",
        uncommitted_changes=manifest.uncommitted_changes,
        jobs=tuple(await _jobs(house, log, release.jobs, Held({}, {}) if fix else held)),
        packages=tuple(packages),
    )
    compiled = await _compiled(house, log, release, row, fix=fix) if manifest.compiled else []
    return row, compiled


def check_dependencies(release: Release) -> None:
    """Every package that another needs is there, and none needs itself by a detour."""
    rows = tuple(_package_row(one, "", "") for one in release.packages)
    row = ReleaseRow(name=release.manifest.name, version=release.manifest.version, packages=rows)
    for package in rows:
        transitive(row, package)


async def _held(house: House, known: Sequence[ReleaseRow]) -> Held:
    jobs = {job.fingerprint: job for one in known for job in one.jobs}
    rows = await house.store.find(ReleaseRow)
    packages = {package.fingerprint: package for one in rows for package in one.packages if package.blob_id}
    return Held(jobs, packages)


def _refuse_other(existing: ReleaseRow, release: Release) -> None:
    """The same version must have the same commit, jobs and packages."""
    manifest = release.manifest
    if (existing.commit_hash, existing.uncommitted_changes) != (
        manifest.commit_hash or "",
        manifest.uncommitted_changes,
    ):
        raise BadRequest(
            f"release '{existing.key}' has already been uploaded with commit_hash as '{existing.commit_hash}'"
            f" and uncommitted_changes as '{str(existing.uncommitted_changes).lower()}'",
            code=30014,
            remedy="Create a new version of the release, or upload with --rebase",
        )
    jobs = {job.name: job.fingerprint for job in existing.jobs}
    packages = {package.name: package.fingerprint for package in existing.packages}
    shipped = [("job", 30013, jobs, one.entry.name, one.entry.fingerprint) for one in release.jobs]
    shipped += [("package", 30012, packages, one.entry.name, one.entry.fingerprint) for one in release.packages]
    for kind, code, present, name, fingerprint in shipped:
        if present.get(name, fingerprint) != fingerprint:
            raise BadRequest(
                f"{kind} '{name}' had different fingerprint in previously uploaded release '{existing.key}'",
                code=code,
                remedy="Create a new version of the release, or upload with --rebase",
            )


async def _jobs(house: House, log: TaskLog, shipped: Sequence[ShippedJob], held: Held) -> list[JobRow]:
    found: dict[str, JobRow] = {}
    for one in shipped:
        present = held.jobs.get(one.entry.fingerprint)
        if present is not None and present.name == one.entry.name and await house.blobs.exists(present.blob_id):
            found[one.entry.name] = msgspec.structs.replace(present, version=one.entry.version)
    new = [one for one in shipped if one.entry.name not in found]
    stage = StageLog(log, "Creating new jobs", len(new))
    for one in new:
        async with stage.task(f"{one.entry.name}/{one.entry.version}"):
            blob, digest = await house.blobs.put_file(one.archive)
            entry, spec = one.entry, one.job.spec
            names = tuple(spec.packages or entry.packages)
            found[entry.name] = JobRow(entry.name, entry.fingerprint, entry.version, digest, blob, spec.raw, names)
    await _processed(log, "job", len(shipped) - len(new))
    return [found[one.entry.name] for one in shipped]


async def _packages(house: House, log: TaskLog, shipped: Sequence[ShippedPackage], held: Held) -> list[PackageRow]:
    found: dict[str, PackageRow] = {}
    for one in shipped:
        present = held.packages.get(one.entry.fingerprint)
        if present is not None and await house.blobs.exists(present.blob_id):
            found[one.entry.name] = _package_row(one, present.blob_id, present.digest)
    new = [one for one in shipped if one.entry.name not in found]
    stage = StageLog(log, "Creating new packages", len(new))
    for one in new:
        if one.archive is None:
            raise BadRequest(
                f"Package '{one.entry.name}/{one.entry.fingerprint}' is in neither the archive nor the director",
                code=60001,
                remedy="Upload the release with its packages (--fix sends them all)",
            )
        async with stage.task(f"{one.entry.name}/{one.entry.version}"):
            blob, digest = await house.blobs.put_file(one.archive)
            found[one.entry.name] = _package_row(one, blob, digest)
    await _processed(log, "package", len(shipped) - len(new))
    return [found[one.entry.name] for one in shipped]


async def _processed(log: TaskLog, kind: str, count: int) -> None:
    if count:
        title = f"Processing {count} existing {kind}{'s' if count > 1 else ''}"
        async with StageLog(log, title).task(title):
            pass  # they were looked up before, for all at once


def _source_of(shipped: ShippedPackage, held: Held) -> PackageRow:
    """A compiled release's package: its source too, if some source release brought it."""
    present = held.packages.get(shipped.entry.fingerprint)
    return _package_row(shipped, present.blob_id if present else "", present.digest if present else "")


def _package_row(shipped: ShippedPackage, blob: str, digest: str) -> PackageRow:
    entry = shipped.entry
    return PackageRow(entry.name, entry.fingerprint, entry.version, digest, blob, tuple(entry.dependencies))


async def _compiled(
    house: House, log: TaskLog, release: Release, row: ReleaseRow, *, fix: bool
) -> list[CompiledPackageRow]:
    """Compiled packages of a compiled release; those already held are kept."""
    result: list[CompiledPackageRow] = []
    by_name = {package.name: package for package in row.packages}
    new: list[tuple[ShippedPackage, CompiledPackageRow]] = []
    for shipped in release.packages:
        entry = shipped.entry
        compiled = CompiledPackageRow(
            name=entry.name,
            fingerprint=entry.fingerprint,
            stemcell=entry.stemcell or "",
            dependency_key=dependency_key(row, by_name[entry.name]),
            build=1,
            digest=entry.sha1,
            blob_id="",
        )
        if fix or await house.store.get(CompiledPackageRow, compiled.key) is None:
            new.append((shipped, compiled))
    stage = StageLog(log, "Creating new compiled packages", len(new))
    for shipped, compiled in new:
        assert shipped.archive is not None  # the reader refuses a compiled release without it
        async with stage.task(f"{compiled.name}/{compiled.fingerprint} for {compiled.stemcell}"):
            blob, digest = await house.blobs.put_file(shipped.archive)
            result.append(msgspec.structs.replace(compiled, blob_id=blob, digest=digest))
    return result
