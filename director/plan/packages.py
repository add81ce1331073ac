"""Packages: what a group needs at run time, their compiled identity, and what has to be compiled first (formats contract §2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from director.model.errors import BadRequest, NotFound
from director.model.instance import PackageSpec
from director.model.rows import PackageRow, ReleaseRow, compiled_key


class Build(Struct, frozen=True):
    """One compilation: a package of a release on a stemcell; ``needs`` are the keys of builds that must be done first."""

    key: str
    release: str
    package: PackageRow
    stemcell: str
    dependency_key: str
    dependencies: tuple[tuple[str, str, str], ...]
    needs: tuple[str, ...]


def package_of(release: ReleaseRow, name: str) -> PackageRow:
    """A package of a release version."""
    for one in release.packages:
        if one.name == name:
            return one
    raise NotFound(
        f"Release '{release.name}/{release.version}' has no package '{name}'",
        code=60001,
        remedy="Upload the release again with --fix",
    )


def dependency_key(release: ReleaseRow, package: PackageRow) -> str:
    """Compact JSON of the direct dependencies by name: ``[name, version, [nested...]]``."""
    return json.dumps(_nested(release, package), separators=(",", ":"))


def _nested(release: ReleaseRow, package: PackageRow) -> list[Any]:
    result: list[Any] = []
    for name in sorted(package.dependencies):
        dependency = package_of(release, name)
        inner = _nested(release, dependency)
        result.append([name, dependency.version, inner] if inner else [name, dependency.version])
    return result


def transitive(release: ReleaseRow, package: PackageRow) -> list[PackageRow]:
    """All dependencies, each once, those without dependencies first."""
    found: dict[str, PackageRow] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise BadRequest(
                f"Packages of release '{release.name}' depend on each other in a circle: {' → '.join((*trail, name))}",
                code=30002,
            )
        if name in found:
            return
        one = package_of(release, name)
        for inner in sorted(one.dependencies):
            visit(inner, (*trail, name))
        found[name] = one

    for name in sorted(package.dependencies):
        visit(name, (package.name,))
    return list(found.values())


def package_spec(release: ReleaseRow, package: PackageRow) -> PackageSpec:
    """A run-time package by its compiled identity."""
    return PackageSpec(package.name, package.fingerprint, dependency_key(release, package))


def builds(release: ReleaseRow, names: Iterable[str], stemcell: str, compiled: set[str]) -> dict[str, Build]:
    """Compilations missing for these packages on a stemcell (``os/version``); ``compiled`` holds the keys of what exists."""
    missing: dict[str, Build] = {}
    for name in names:
        top = package_of(release, name)
        for package in (*transitive(release, top), top):
            spec = package_spec(release, package)
            key = compiled_key(spec.name, spec.fingerprint, stemcell, spec.dependency_key)
            if key in compiled or key in missing:
                continue
            if not package.blob_id:
                raise BadRequest(
                    f"Can't use release '{release.name}/{release.version}': package '{package.name}' has no source and is not compiled for '{stemcell}'",
                    code=60001,
                    remedy="Upload the source release, or one compiled for this stemcell",
                )
            inner = [package_spec(release, one) for one in transitive(release, package)]
            needs = tuple(compiled_key(one.name, one.fingerprint, stemcell, one.dependency_key) for one in inner)
            missing[key] = Build(
                key,
                release.name,
                package,
                stemcell,
                spec.dependency_key,
                tuple((one.name, one.fingerprint, one.dependency_key) for one in inner),
                needs,
            )
    return missing
