"""Rows of what is uploaded and compiled: releases, packages, stemcells."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from director.model.deployment import Document
from director.model.row import Row


class ReleaseRow(Row, frozen=True, kw_only=True):
    """An uploaded release version."""

    TABLE: ClassVar[str] = "releases"
    INDEXED: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    version: str
    commit_hash: str = ""
    uncommitted_changes: bool = False
    jobs: tuple[JobRow, ...] = ()
    packages: tuple[PackageRow, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.name}/{self.version}"


class JobRow(Struct, frozen=True):
    """A job of a release version: ``spec`` is its job.MF; ``blob_id`` its tgz."""

    name: str
    fingerprint: str
    version: str
    digest: str
    blob_id: str
    spec: Document
    packages: tuple[str, ...] = ()


class PackageRow(Struct, frozen=True):
    """A package of a release version; ``blob_id`` empty when only compiled blobs exist."""

    name: str
    fingerprint: str
    version: str
    digest: str
    blob_id: str
    dependencies: tuple[str, ...] = ()


class CompiledPackageRow(Row, frozen=True, kw_only=True):
    """A compiled package; identity is (name, fingerprint, stemcell os/version, dependency key)."""

    TABLE: ClassVar[str] = "compiled_packages"
    INDEXED: ClassVar[tuple[str, ...]] = ("name", "fingerprint")

    name: str
    fingerprint: str
    stemcell: str  # "os/version"
    dependency_key: str
    build: int
    digest: str
    blob_id: str

    @property
    def key(self) -> str:
        return compiled_key(self.name, self.fingerprint, self.stemcell, self.dependency_key)


def compiled_key(name: str, fingerprint: str, stemcell: str, dependency_key: str) -> str:
    """The identity of a compiled package as one string."""
    return f"{name}/{fingerprint}/{stemcell}/{dependency_key}"


class StemcellRow(Row, frozen=True, kw_only=True):
    """A stemcell in one cloud; committed before create_stemcell with ``cid`` empty."""

    TABLE: ClassVar[str] = "stemcells"
    INDEXED: ClassVar[tuple[str, ...]] = ("name", "operating_system", "cpi")

    id: int
    name: str
    version: str
    operating_system: str
    cpi: str = ""
    cid: str = ""
    api_version: int = 1
    digest: str = ""
    formats: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.name}/{self.version}/{self.cpi}"
