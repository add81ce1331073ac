"""create-release: from a release directory to a manifest in dev_releases or releases, and a tarball."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import (
    archive_writer,
    digests,
    git_state,
    job_source,
    package_source,
    release_manifest,
    versions,
    yaml_dump,
)
from meristem.formats.build_index import Build, BuildIndex, ReleaseIndex
from meristem.formats.document import Document
from meristem.formats.errors import FormatError
from meristem.formats.fingerprint import SourceFile
from meristem.formats.fingerprint import calculate as calculate_fingerprint
from meristem.formats.release_manifest import ReleaseManifest
from meristem.formats.values import Hash, Value, is_hash, text_or_none


@dataclass(frozen=True)
class Options:
    """Choices of create-release. `tarball` is where to put the archive, None for none.

    Digests and fingerprints are SHA-256 as the current public CLI makes them; `sha2=False` gives the older SHA-1.
    """

    name: str | None = None
    version: str | None = None
    timestamp_version: bool = False
    final: bool = False
    force: bool = False
    sha2: bool = True
    tarball: Path | None = None


@dataclass(frozen=True)
class BuiltRelease:
    """What create-release made."""

    manifest: ReleaseManifest
    manifest_file: Path
    tarball: Path | None


@dataclass(frozen=True)
class _Part:
    kind: str
    entry: Hash
    archive: Path


def create_release(directory: Path, options: Options, cache: Path) -> BuiltRelease:
    """Builds the release in `directory`; archives are kept in `cache` by digest and found again by fingerprint.

    Refuses uncommitted changes without `force`. Errors are FormatErrors that name the file and line to mend.
    """
    if not (directory / "jobs").is_dir() and not (directory / "packages").is_dir():
        raise FormatError(
            30002,
            f"'{directory}' is not a release directory",
            place=str(directory),
            remedy="Run it where jobs/, packages/ and config/final.yml are, or give --dir.",
        )
    config = _config(directory)
    name = options.name or config.optional("name") or config.optional("final_name")
    if not name:
        raise FormatError(
            40001, "Release has no name", place="config/final.yml", remedy="Write 'name: ...' there, or give --name."
        )
    git = git_state.read(directory)
    if git.changes and not options.force:
        raise FormatError(
            30002,
            f"Git repository has local modifications: {', '.join(line.strip() for line in git.changes[:5])}",
            place=str(directory),
            remedy="Commit them, or give --force.",
        )
    builder = _Builder(directory, config, options, cache)
    parts = builder.parts()
    version = _version(directory, name, options)
    manifest: Hash = {
        "name": name,
        "version": version,
        "commit_hash": git.commit_hash,
        "uncommitted_changes": bool(git.changes),
        "jobs": [part.entry for part in parts if part.kind == "jobs"],
        "packages": [part.entry for part in parts if part.kind == "packages"],
    }
    for part in parts:
        if part.kind == "license":
            manifest["license"] = part.entry
    root = directory / ("releases" if options.final else "dev_releases") / name
    file = root / f"{name}-{version}.yml"
    text = yaml_dump.dump(manifest)
    parsed = release_manifest.parse(text, str(file))
    root.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    ReleaseIndex(root).add(version)
    tarball = options.tarball
    if tarball is not None:
        _write_tarball(text, parts, tarball)
    return BuiltRelease(parsed, file, tarball)


def _config(directory: Path) -> Document:
    file = directory / "config" / "final.yml"
    if not file.is_file():
        return Document.parse("{}", "config/final.yml")
    return Document.parse(file.read_bytes(), "config/final.yml")


def _version(directory: Path, name: str, options: Options) -> str:
    finals = ReleaseIndex(directory / "releases" / name).versions()
    if options.version:
        version = versions.parse(options.version, place="--version").text
        if options.final and version in finals:
            raise FormatError(
                30000,
                f"Release '{name}' version '{version}' already exists",
                place=f"releases/{name}/index.yml",
                remedy="Choose another --version.",
            )
        return version
    if options.final:
        return versions.next_final(finals)
    following = versions.next_dev([*ReleaseIndex(directory / "dev_releases" / name).versions(), *finals])
    return f"{following.split('+')[0]}+dev.{int(time.time())}" if options.timestamp_version else following


def _write_tarball(text: str, parts: list[_Part], target: Path) -> None:
    members: list[tuple[str, Path | bytes]] = [("release.MF", text.encode())]
    for part in parts:
        member = "license.tgz" if part.kind == "license" else f"{part.kind}/{part.entry['name']}.tgz"
        members.append((member, part.archive))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=target.parent) as scratch:
        fresh = Path(scratch) / "release.tgz"
        archive_writer.write_members(members, fresh)
        fresh.replace(target)


class _Builder:
    def __init__(self, directory: Path, config: Document, options: Options, cache: Path) -> None:
        self._directory = directory
        self._config = config
        self._options = options
        self._cache = cache

    def parts(self) -> list[_Part]:
        jobs = [job_source.read(self._directory, name) for name in _names(self._directory / "jobs")]
        packages = [package_source.read(self._directory, name) for name in _names(self._directory / "packages")]
        out: list[_Part] = []
        for job in jobs:
            entry: Hash = {"name": job.spec.name, "packages": list[Value](job.spec.packages)}
            fingerprint = job.fingerprint(sha2=self._options.sha2)
            out.append(self._part("jobs", entry, fingerprint, job.write_archive))
        for package in packages:
            entry = {"name": package.name, "dependencies": list[Value](package.dependencies)}
            fingerprint = package.fingerprint(sha2=self._options.sha2)
            if package.locked:
                out.append(self._part("packages", entry, fingerprint, None))
                continue
            out.append(
                self._part(
                    "packages", entry, fingerprint, lambda path, p=package: p.write_archive(path, self._directory)
                )
            )
        return out + self._license()

    def _license(self) -> list[_Part]:
        found = sorted(path for glob in ("LICENSE*", "NOTICE*") for path in self._directory.glob(glob))
        if not found:
            return []
        files = [SourceFile(path, path.name, with_mode=False) for path in found]

        def write(target: Path) -> None:
            archive_writer.write_members([(file.name, file.path) for file in files], target)

        return [self._part("license", {}, calculate_fingerprint(files, sha2=self._options.sha2), write)]

    def _part(self, kind: str, entry: Hash, fingerprint: str, write: Callable[[Path], None] | None) -> _Part:
        name = text_or_none(entry.get("name"))
        place = f"{kind}/{name}" if name else kind
        final = BuildIndex(self._directory / ".final_builds" / place / "index.yml")
        dev = BuildIndex(self._directory / ".dev_builds" / place / "index.yml")
        build = final.find(fingerprint) or dev.find(fingerprint)
        archive = self._fetch(build) if build else None
        if build is None or archive is None:
            if write is None:
                raise FormatError(
                    60001,
                    f"Vendored package '{name}' with fingerprint '{fingerprint}' is not in .final_builds",
                    place=f"packages/{name}/spec.lock",
                    remedy="Vendor the package again, with its blobs.",
                )
            build, archive = self._make(fingerprint, write)
            dev.save(fingerprint, build)
        if self._options.final and final.find(fingerprint) is None:
            build = Build(build.version, build.sha1, self._upload(archive))
            final.save(fingerprint, build)
        full: Hash = {**entry, "version": build.version, "fingerprint": fingerprint, "sha1": build.sha1}
        return _Part(kind, full, archive)

    def _make(self, fingerprint: str, write: Callable[[Path], None]) -> tuple[Build, Path]:
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=self._cache) as scratch:
            fresh = Path(scratch) / "archive.tgz"
            write(fresh)
            digest = digests.of_file(fresh, "sha256" if self._options.sha2 else "sha1")
            kept = self._cache / digest.hex
            fresh.replace(kept)
        return Build(fingerprint, str(digest), None), kept

    def _fetch(self, build: Build) -> Path | None:
        kept = self._cache / digests.strongest(build.sha1, place="index.yml").hex
        if kept.is_file():
            digests.verify_file(kept, build.sha1, place=str(kept))
            return kept
        if build.blobstore_id is None:
            return None
        source = self._blobstore() / build.blobstore_id
        if not source.is_file():
            return None
        digests.verify_file(source, build.sha1, place=str(source))
        self._cache.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, kept)
        return kept

    def _upload(self, archive: Path) -> str:
        store = self._blobstore()
        store.mkdir(parents=True, exist_ok=True)
        blob = str(uuid.uuid4())
        shutil.copyfile(archive, store / blob)
        return blob

    def _blobstore(self) -> Path:
        store = self._config.hash("blobstore")
        options = store.get("options")
        path = text_or_none(options.get("blobstore_path")) if is_hash(options) else None
        if store.get("provider") != "local" or path is None:
            raise FormatError(
                30002,
                "Final builds need a blobstore of provider 'local' with options.blobstore_path",
                place=self._config.place("blobstore"),
                remedy="Set it in config/final.yml; other providers are not supported by this command yet.",
            )
        return Path(path) if Path(path).is_absolute() else self._directory / path


def _names(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return sorted(path.name for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))
