"""A release tarball: its manifest, its jobs and its source or compiled packages, checked and ready to store."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import digests, job_archive, release_manifest, tar_reader
from meristem.formats.errors import FormatError
from meristem.formats.job_archive import Job
from meristem.formats.release_manifest import JobEntry, PackageEntry, ReleaseManifest
from meristem.formats.tar_reader import Limits, Member, Refusal

_MANIFEST_LIMIT = 32 << 20
_REBUILD = "Build or fetch the release again."


@dataclass(frozen=True)
class ShippedJob:
    """A job with its archive (digest checked) and its content."""

    entry: JobEntry
    archive: Path
    job: Job


@dataclass(frozen=True)
class ShippedPackage:
    """A package; `archive` is None when the uploader left it out because the director already holds it."""

    entry: PackageEntry
    archive: Path | None


@dataclass(frozen=True)
class Release:
    """An opened release. Paths are valid until the `open_release` block ends."""

    manifest: ReleaseManifest
    jobs: tuple[ShippedJob, ...]
    packages: tuple[ShippedPackage, ...]


@contextlib.contextmanager
def open_release(path: Path, scratch: Path | None = None, *, name: str | None = None) -> Generator[Release]:
    """Unpacks the outer archive into a private directory under `scratch` and checks everything.

    The directory is removed when the block ends, by success or error. `name` replaces the path in messages. Errors
    (FormatError): 30002 archive, 30003 no release.MF, 30010 version, 30015 digest, 60000 package archive, 800xx jobs.
    """
    with unpacked(path, scratch, name=name) as (manifest, directory):
        where = name or path.name
        jobs = tuple(_job(directory, entry, where) for entry in manifest.jobs)
        packages = tuple(_package(directory, manifest, entry, where) for entry in manifest.packages)
        yield Release(manifest, jobs, packages)


@contextlib.contextmanager
def unpacked(
    path: Path, scratch: Path | None = None, *, name: str | None = None
) -> Generator[tuple[ReleaseManifest, Path]]:
    """The manifest and a private directory with the inner archives, their content not yet checked."""
    where = name or path.name
    refusal = _refusal(where)
    directory = Path(tempfile.mkdtemp(prefix="release-", dir=scratch))
    try:
        for member in tar_reader.members(path, refusal, Limits(members=20_000)):
            _keep(member, directory, refusal)
        manifest_file = directory / "release.MF"
        if not manifest_file.is_file():
            raise _no_manifest(where)
        yield release_manifest.parse(manifest_file.read_bytes(), f"{where}!release.MF"), directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def read_manifest(path: Path) -> ReleaseManifest:
    """release.MF alone; stops reading there when it stands first, as it should."""
    refusal = _refusal(path.name)
    for member in tar_reader.members(path, refusal):
        if member.name == "release.MF" and member.is_file:
            return release_manifest.parse(member.read(_MANIFEST_LIMIT), f"{path.name}!release.MF")
    raise _no_manifest(path.name)


def _refusal(where: str) -> Refusal:
    return Refusal(30002, "Extracting release archive failed. Check task debug log for details.", where, _REBUILD)


def _no_manifest(where: str) -> FormatError:
    remedy = "The archive must hold release.MF at its top; `meristem create-release --tarball` makes one."
    return FormatError(30003, "Release manifest not found", place=where, remedy=remedy)


def _keep(member: Member, directory: Path, refusal: Refusal) -> None:
    parts = member.name.split("/")
    wanted = member.name == "release.MF" or (
        len(parts) == 2 and parts[0] in ("jobs", "packages", "compiled_packages") and parts[1].endswith(".tgz")
    )
    if not wanted or member.info.isdir():
        return
    if not member.is_file:
        raise refusal.because(f"member '{member.name}' is a link, not a file")
    target = directory / member.name
    target.parent.mkdir(exist_ok=True)
    member.copy_to(target)


def _job(directory: Path, entry: JobEntry, where: str) -> ShippedJob:
    archive = directory / "jobs" / f"{entry.name}.tgz"
    place = f"{where}!jobs/{entry.name}.tgz"
    if not archive.is_file():
        raise FormatError(
            80000,
            f"Extracting job '{entry.name}/{entry.version}' archive failed. Check task debug log for details.",
            place=place,
            remedy=f"release.MF lists the job but the archive is missing. {_REBUILD}",
        )
    digests.verify_file(archive, entry.sha1, place=place)
    return ShippedJob(entry, archive, job_archive.read(archive, entry.name, version=entry.version, place=place))


def _package(directory: Path, manifest: ReleaseManifest, entry: PackageEntry, where: str) -> ShippedPackage:
    folder = "compiled_packages" if manifest.compiled else "packages"
    archive = directory / folder / f"{entry.name}.tgz"
    place = f"{where}!{folder}/{entry.name}.tgz"
    label = f"package '{entry.name}/{entry.version}'"
    refusal = Refusal(60000, f"Extracting {label} archive failed. Check task debug log for details.", place, _REBUILD)
    if not archive.is_file():
        if manifest.compiled:
            raise refusal.because("release.MF lists it but the archive is missing")
        return ShippedPackage(entry, None)
    digests.verify_file(archive, entry.sha1, place=place)
    tar_reader.check(archive, refusal)
    return ShippedPackage(entry, archive)
