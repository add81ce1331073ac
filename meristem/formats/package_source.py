"""A package in a release directory: its spec, the files it matches, its fingerprint and its archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import archive_writer, file_globs, fingerprint
from meristem.formats.document import Document
from meristem.formats.errors import FormatError
from meristem.formats.fingerprint import SourceFile

_HOOKS = ("packaging", "pre_packaging")


@dataclass(frozen=True)
class PackageSource:
    """A package ready to be fingerprinted and archived; `locked` = vendored, only its fingerprint is known."""

    name: str
    dependencies: tuple[str, ...]
    files: tuple[SourceFile, ...]
    no_compression: bool
    locked: str | None = None

    def fingerprint(self, *, sha2: bool = False) -> str:
        """Identity over hooks, files and dependency names."""
        return self.locked or fingerprint.calculate(self.files, self.dependencies, sha2=sha2)

    def write_archive(self, target: Path, release_dir: Path) -> None:
        """Stages the files, runs pre_packaging (env BUILD_DIR, RELEASE_DIR) and archives the result."""
        with tempfile.TemporaryDirectory(prefix="package-") as scratch:
            stage = Path(scratch)
            for file in self.files:
                place = stage / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.path, place, follow_symlinks=False)
            hook = stage / "pre_packaging"
            if hook.exists():
                _run_hook(hook, stage, release_dir, self.name)
                hook.unlink()
            archive_writer.write_tree(stage, target, compress=not self.no_compression)


def read(release_dir: Path, name: str) -> PackageSource:
    """Reads packages/<name>. Errors name the spec's line: a glob that matches nothing, no packaging script, ..."""
    directory = release_dir / "packages" / name
    lock = directory / "spec.lock"
    if lock.is_file():
        document = Document.parse(lock.read_bytes(), _relative(lock, release_dir))
        return PackageSource(name, document.names("dependencies"), (), False, document.required("fingerprint"))
    spec = directory / "spec"
    if not spec.is_file():
        remedy = f"Create packages/{name}/spec with name, dependencies and files."
        raise FormatError(60000, f"Package '{name}' has no spec", place=f"packages/{name}", remedy=remedy)
    document = Document.parse(spec.read_bytes(), _relative(spec, release_dir))
    if document.required("name") != name:
        raise FormatError(
            60000,
            f"Package spec names '{document.required('name')}' but its directory is '{name}'",
            place=document.place("name"),
            remedy="Make both the same.",
        )
    hooks = [SourceFile(directory / hook, hook, with_mode=False) for hook in _HOOKS if (directory / hook).is_file()]
    if not any(hook.name == "packaging" for hook in hooks):
        raise FormatError(
            60000,
            f"Expected to find 'packages/{name}/packaging' for package '{name}'",
            place=f"packages/{name}",
            remedy="Add a bash script 'packaging' that installs into $BOSH_INSTALL_TARGET.",
        )
    files = _matched(document, release_dir, name)
    return PackageSource(name, document.names("dependencies"), (*hooks, *files), document.flag("no_compression"))


def _matched(document: Document, release_dir: Path, name: str) -> list[SourceFile]:
    roots = [(root, file_globs.tree(root)) for root in (release_dir / "src", release_dir / "blobs") if root.is_dir()]
    chosen: dict[str, SourceFile] = {}
    for index, pattern in enumerate(document.names("files")):
        found = False
        for root, names in roots:
            for match in file_globs.matching(pattern, names):
                found = True
                chosen.setdefault(match, SourceFile(root / match, match))
        if not found:
            raise FormatError(
                60001,
                f"Missing files for pattern '{pattern}'",
                place=document.marks.place(("files", index)),
                remedy="Add the files under src/ (or as blobs), or correct the pattern.",
            )
    for pattern in document.names("excluded_files"):
        for match in file_globs.matching(pattern, list(chosen)):
            del chosen[match]
    for hook in _HOOKS:
        if hook in chosen:
            raise FormatError(
                60000,
                f"Expected special '{hook}' file to not be included via 'files' key for package '{name}'",
                place=document.place("files"),
                remedy=f"Rename src/{hook}, or narrow the pattern.",
            )
    return list(chosen.values())


def _run_hook(hook: Path, stage: Path, release_dir: Path, package: str) -> None:
    env = {**os.environ, "BUILD_DIR": str(stage), "RELEASE_DIR": str(release_dir.resolve())}
    done = subprocess.run(
        ["bash", "-x", str(hook)],
        cwd=stage,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise FormatError(
            60000,
            f"pre_packaging of package '{package}' failed with exit status {done.returncode}",
            place=f"packages/{package}/pre_packaging",
            remedy=f"Last lines: {' | '.join(done.stderr.splitlines()[-4:])}",
        )


def _relative(path: Path, release_dir: Path) -> str:
    return path.relative_to(release_dir).as_posix()
