"""release.MF: what a release holds, by name, version, fingerprint and digest."""

from __future__ import annotations

from dataclasses import dataclass

from meristem.formats import versions
from meristem.formats.document import Document
from meristem.formats.errors import FormatError
from meristem.formats.values import Hash


@dataclass(frozen=True)
class JobEntry:
    """A job's line in release.MF."""

    name: str
    version: str
    fingerprint: str
    sha1: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class PackageEntry:
    """A package's line; `stemcell` (`os/version`) is set for a compiled one. `sha1` is of the archive as shipped."""

    name: str
    version: str
    fingerprint: str
    sha1: str
    dependencies: tuple[str, ...]
    stemcell: str | None = None


@dataclass(frozen=True)
class ReleaseManifest:
    """A checked release.MF. `compiled` tells whether `packages` came from `compiled_packages`."""

    name: str
    version: str
    commit_hash: str | None
    uncommitted_changes: bool
    compiled: bool
    jobs: tuple[JobEntry, ...]
    packages: tuple[PackageEntry, ...]
    license: Hash | None
    raw: Hash

    def package(self, name: str) -> PackageEntry:
        """A package by name; KeyError if the release lacks it."""
        for entry in self.packages:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def build_order(self) -> tuple[PackageEntry, ...]:
        """Packages with every dependency before its users."""
        done: dict[str, PackageEntry] = {}

        def visit(entry: PackageEntry) -> None:
            for dependency in entry.dependencies:
                if dependency not in done:
                    visit(self.package(dependency))
            done.setdefault(entry.name, entry)

        for entry in self.packages:
            visit(entry)
        return tuple(done.values())


def parse(text: str | bytes, name: str) -> ReleaseManifest:
    """Reads release.MF text; `name` is the file name for messages.

    Errors: 40001/40000 for fields, 30010 version, 30002 repeated names, 60001 unknown or circular dependencies,
    80003 a job's package that the release lacks.
    """
    document = Document.parse(text, name)
    version = versions.parse(document.required("version"), place=document.place("version")).text
    release_name = document.required("name")
    if not versions.ALLOWED.match(release_name):
        raise FormatError(
            40005,
            f"Release name invalid: {release_name}",
            place=document.place("name"),
            remedy="Use letters, digits and the characters - _ + . only.",
        )
    compiled = document.data.get("compiled_packages") is not None
    key = "compiled_packages" if compiled else "packages"
    packages = tuple(_package(child, compiled=compiled) for child in document.children(key))
    jobs = tuple(_job(child) for child in document.children("jobs"))
    _unique(document, key, [entry.name for entry in packages])
    _unique(document, "jobs", [entry.name for entry in jobs])
    _check_dependencies(document, key, packages)
    _check_jobs(document, jobs, packages)
    return ReleaseManifest(
        name=release_name,
        version=version,
        commit_hash=document.optional("commit_hash"),
        uncommitted_changes=document.flag("uncommitted_changes"),
        compiled=compiled,
        jobs=jobs,
        packages=packages,
        license=document.hash("license") or None,
        raw=document.data,
    )


def _file_name(document: Document) -> str:
    name = document.required("name")
    if not versions.ALLOWED.match(name) or name in (".", ".."):
        raise FormatError(
            40005,
            f"Name '{name}' is not usable as a file name",
            place=document.place("name"),
            remedy="Use letters, digits and the characters - _ + . only.",
        )
    return name


def _job(document: Document) -> JobEntry:
    version = document.required("version")
    return JobEntry(
        name=_file_name(document),
        version=version,
        fingerprint=document.optional("fingerprint") or version,
        sha1=document.required("sha1"),
        packages=document.names("packages"),
    )


def _package(document: Document, *, compiled: bool) -> PackageEntry:
    version = document.required("version")
    stemcell = document.required("stemcell") if compiled else None
    if stemcell is not None and "/" not in stemcell.strip("/"):
        raise FormatError(
            40005,
            f"Compiled package names stemcell '{stemcell}'",
            place=document.place("stemcell"),
            remedy="Write it as os/version, such as debian-12/1.0.",
        )
    return PackageEntry(
        name=_file_name(document),
        version=version,
        fingerprint=document.optional("fingerprint") or version,
        sha1=document.required("sha1"),
        dependencies=document.names("dependencies"),
        stemcell=stemcell,
    )


def _unique(document: Document, key: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise FormatError(
                30002,
                f"Release lists '{name}' twice under '{key}'",
                place=document.marks.place((key, index, "name")),
                remedy="Build the release again; every name may occur once.",
            )


def _check_dependencies(document: Document, key: str, packages: tuple[PackageEntry, ...]) -> None:
    wanted = {entry.name: entry.dependencies for entry in packages}
    for index, entry in enumerate(packages):
        for dependency in entry.dependencies:
            if dependency not in wanted:
                raise FormatError(
                    60001,
                    f"Package '{entry.name}' depends on '{dependency}', which the release does not hold",
                    place=document.marks.place((key, index, "dependencies")),
                    remedy="Build the release again with that package, or drop the dependency.",
                )
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            position = next(index for index, entry in enumerate(packages) if entry.name == name)
            raise FormatError(
                60001,
                f"Packages depend on each other in a circle: {circle}",
                place=document.marks.place((key, position, "dependencies")),
                remedy="Break the circle in the packages' spec files.",
            )
        if name not in finished:
            for dependency in wanted[name]:
                visit(dependency, (*trail, name))
            finished.add(name)

    for name in wanted:
        visit(name, ())


def _check_jobs(document: Document, jobs: tuple[JobEntry, ...], packages: tuple[PackageEntry, ...]) -> None:
    held = {entry.name for entry in packages}
    for index, job in enumerate(jobs):
        for package in job.packages:
            if package not in held:
                raise FormatError(
                    80003,
                    f"Job '{job.name}' references missing package '{package}'",
                    place=document.marks.place(("jobs", index, "packages")),
                    remedy="Build the release again with that package, or drop it from the job's spec.",
                )
