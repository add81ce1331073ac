"""Tiny stemcells and releases for tests, made with `tarfile` alone so that no code under test has a hand in them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

STEMCELL = "meristem-dummy-loopback"
OPERATING_SYSTEM = "loopback"


def tgz(members: Mapping[str, bytes], executable: frozenset[str] = frozenset()) -> bytes:
    """A gzipped tar of the given members; the same input gives the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode, entry.mtime = len(content), 0o755 if name in executable else 0o644, 1_700_000_000
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def build_stemcell(
    path: Path,
    version: str = "1.0",
    api_version: int = 2,
    formats: tuple[str, ...] = ("dummy-raw",),
    name: str = STEMCELL,
) -> Path:
    """A stemcell for the dummy CPI: the image is a few bytes, nothing boots it."""
    image = tgz({"root": b"nothing to boot\n"})
    manifest = {
        "name": name,
        "version": version,
        "operating_system": OPERATING_SYSTEM,
        "bosh_protocol": "1",
        "api_version": api_version,
        "sha1": hashlib.sha1(image).hexdigest(),
        "stemcell_formats": list(formats),
        "cloud_properties": {"infrastructure": "dummy"},
    }
    path.write_bytes(tgz({"stemcell.MF": yaml.safe_dump(manifest).encode(), "image": image, "packages.txt": b"none\n"}))
    return path


@dataclass(frozen=True)
class Package:
    """A source package; `files` go beside the `packaging` script."""

    name: str
    packaging: str
    files: dict[str, str] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A job: `templates` maps destination to ERB text; `spec` holds further keys of job.MF (properties, provides, consumes)."""

    name: str
    templates: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    monit: str = ""
    spec: dict[str, object] = field(default_factory=dict)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode()).hexdigest()


def _package(package: Package) -> tuple[dict[str, object], bytes]:
    members = {"packaging": package.packaging.encode()} | {name: text.encode() for name, text in package.files.items()}
    blob = tgz(members)
    print_ = _fingerprint(package.packaging, repr(sorted(package.files.items())), repr(package.dependencies))
    row = {"name": package.name, "version": print_, "fingerprint": print_, "sha1": hashlib.sha1(blob).hexdigest()}
    return {**row, "dependencies": list(package.dependencies)}, blob


def _job(job: Job) -> tuple[dict[str, object], bytes]:
    sources = {destination.replace("/", "_") + ".erb": destination for destination in job.templates}
    manifest = {"name": job.name, "templates": sources, "packages": list(job.packages), "properties": {}, **job.spec}
    text = yaml.safe_dump(manifest, sort_keys=True)
    members = {"job.MF": text.encode(), "monit": job.monit.encode()}
    members |= {f"templates/{source}": job.templates[destination].encode() for source, destination in sources.items()}
    blob = tgz(members)
    print_ = _fingerprint(text, job.monit, repr(sorted(job.templates.items())))
    row = {"name": job.name, "version": print_, "fingerprint": print_, "sha1": hashlib.sha1(blob).hexdigest()}
    return {**row, "packages": list(job.packages)}, blob


def build_release(path: Path, name: str, version: str, jobs: list[Job], packages: list[Package]) -> Path:
    """A release tarball, `release.MF` first."""
    job_rows, package_rows, members = [], [], {}
    for job in jobs:
        row, blob = _job(job)
        job_rows.append(row)
        members[f"jobs/{job.name}.tgz"] = blob
    for package in packages:
        row, blob = _package(package)
        package_rows.append(row)
        members[f"packages/{package.name}.tgz"] = blob
    manifest = {"name": name, "version": version, "commit_hash": "00000000", "uncommitted_changes": False}
    manifest |= {"jobs": job_rows, "packages": package_rows}
    path.write_bytes(tgz({"release.MF": yaml.safe_dump(manifest).encode(), **members}))
    return path
