"""Uploading releases: from a directory, a file or a URL; packages the director already holds are left out."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from meristem.cli.director import Director
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.formats import archive_writer, digests, release_archive, release_dir, versions, yaml_dump
from meristem.formats.release_manifest import ReleaseManifest
from meristem.formats.values import Hash, Value, hashes, is_list, text_or_none


@dataclass(frozen=True)
class UploadOptions:
    """Flags of upload-release."""

    rebase: bool = False
    fix: bool = False
    name: str | None = None
    version: str | None = None
    sha1: str | None = None


def cache() -> Path:
    """Where built archives are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "meristem" / "builds"


def build(session: Session, directory: Path, options: release_dir.Options) -> release_dir.BuiltRelease:
    """create-release, and says what was made."""
    built = release_dir.create_release(directory, options, cache())
    session.screen.line(f"Built release '{built.manifest.name}/{built.manifest.version}'")
    return built


def upload_directory(session: Session, directory: Path, options: UploadOptions) -> ReleaseManifest:
    """Builds a dev release and uploads it."""
    with tempfile.TemporaryDirectory(prefix="meristem-release-") as scratch:
        tarball = Path(scratch) / "release.tgz"
        choices = release_dir.Options(name=options.name, version=options.version, force=True, tarball=tarball)
        built = build(session, directory, choices)
        upload_file(session, tarball, UploadOptions(options.rebase, options.fix))
        return built.manifest


def upload_file(session: Session, path: Path, options: UploadOptions) -> None:
    """Uploads a release file; packages the director holds with source are left out unless `fix`.

    Only a version asked for by name is skipped when it exists: another build under the same version is for the
    director to compare and refuse.
    """
    if not path.is_file():
        raise CliError(f"No release file at '{path}'.", "Give a path, a release directory or an http(s) URL.")
    if options.sha1:
        digests.verify_file(path, options.sha1, place=str(path))
    director = session.director()
    manifest = release_archive.read_manifest(path)
    if _is_there(session, options):
        return
    query = {"rebase": "true" if options.rebase else None, "fix": "true" if options.fix else None}
    held = set[str]() if options.fix else _held(director, manifest)
    if not held:
        follow(session, director.upload("/releases", path, query))
        return
    with release_archive.unpacked(path) as (_, directory):
        slim = directory / "slim.tgz"
        folder = "compiled_packages" if manifest.compiled else "packages"
        members: list[tuple[str, Path | bytes]] = [("release.MF", directory / "release.MF")]
        members += [(f"jobs/{job.name}.tgz", directory / "jobs" / f"{job.name}.tgz") for job in manifest.jobs]
        for package in manifest.packages:
            archive = directory / folder / f"{package.name}.tgz"
            if package.fingerprint not in held and archive.is_file():
                members.append((f"{folder}/{package.name}.tgz", archive))
        archive_writer.write_members(members, slim)
        task = director.upload("/releases", slim, query)
    follow(session, task)


def upload_url(session: Session, url: str, options: UploadOptions) -> None:
    """Lets the director fetch a URL; with name and version known, only when it lacks that version."""
    director = session.director()
    if _is_there(session, options):
        return
    body: Hash = {"location": url, **({"sha1": options.sha1} if options.sha1 else {})}
    query = {"rebase": "true" if options.rebase else None, "fix": "true" if options.fix else None}
    follow(session, director.start("POST", "/releases", query, body=body))


def _is_there(session: Session, options: UploadOptions) -> bool:
    if not (options.name and options.version) or options.fix:
        return False
    wanted = versions.parse(options.version)
    for release in session.director().rows("/releases"):
        held = hashes(release.get("release_versions")) if release.get("name") == options.name else []
        if any(versions.parse(text_or_none(item.get("version")) or "0") == wanted for item in held):
            session.screen.line(f"Release '{options.name}/{options.version}' already exists.")
            return True
    return False


def _held(director: Director, manifest: ReleaseManifest) -> set[str]:
    # A compiled package is matched by more than its fingerprint, and release.MF must then keep all: only sources here.
    if manifest.compiled:
        return set()
    listed: Value = manifest.raw.get("packages")
    try:
        answer = director.send_text("POST", "/packages/matches", yaml_dump.dump({**manifest.raw, "packages": listed}))
    except CliError:
        # Leaving packages out is only a saving; without an answer everything is sent.
        return set()
    return {str(item) for item in answer} if is_list(answer) else set()
