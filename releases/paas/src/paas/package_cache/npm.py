"""npm's registry as static files: for each package a document of its versions, made from the tarballs.

Source: the registry's package metadata, as npm asks for it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tarfile
from pathlib import Path
from typing import Any, cast

import msgspec

from paas.package_cache.simple import replace

BASE = "package-cache:npm:"
"""Stands in documents for the address of the registry, which the server puts in."""
MOST_MANIFEST = 1 << 20


class TarballError(Exception):
    """A tarball is no npm package; says which and why."""


def manifest(tarball: Path) -> dict[str, Any]:
    """The package.json of a tarball."""
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for member in archive:
                parts = member.name.removeprefix("./").split("/")
                if member.isfile() and len(parts) == 2 and parts[1] == "package.json" and member.size <= MOST_MANIFEST:
                    file = archive.extractfile(member)
                    found = msgspec.json.decode(file.read() if file else b"", type=dict[str, Any])
                    if isinstance(found.get("name"), str) and isinstance(found.get("version"), str):
                        return found
    except (tarfile.TarError, OSError, EOFError, msgspec.MsgspecError) as error:
        raise TarballError(f"{tarball}: {error}") from None
    raise TarballError(f"{tarball}: no package.json with a name and a version in it")


def integrity(tarball: Path) -> str:
    """As lock files have it: ``sha512-…``."""
    return "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()


def place(root: Path, name: str, version: str) -> Path:
    """Where the tarball of a package is kept: ``npm/NAME/-/NAME-VERSION.tgz``, without its scope in the file's name."""
    if not re.fullmatch(r"(@[a-z0-9-~][a-z0-9-._~]*/)?[A-Za-z0-9-~][A-Za-z0-9-._~]*", name):
        raise TarballError(f"{name!r} is no name of an npm package")
    if not re.fullmatch(r"[0-9A-Za-z.+-]+", version):
        raise TarballError(f"{name}: {version!r} is no version")
    return root / "npm" / name / "-" / f"{name.rpartition('/')[2]}-{version}.tgz"


def index(root: Path) -> int:
    """Write ``index.json`` for each package below ``npm``; the number of tarballs."""
    (root / "npm").mkdir(parents=True, exist_ok=True)
    count = 0
    for shelf in sorted((root / "npm").glob("**/-")):
        versions: dict[str, dict[str, Any]] = {}
        for tarball in sorted(shelf.glob("*.tgz")):
            found = manifest(tarball)
            versions[found["version"]] = _version(found, tarball, shelf.parent.relative_to(root / "npm").as_posix())
        if versions:
            latest = max(versions, key=lambda one: (precedence(one)[1], precedence(one)))
            document = {"name": versions[latest]["name"], "dist-tags": {"latest": latest}, "versions": versions}
            replace(shelf.parent / "index.json", msgspec.json.encode(document, order="sorted").decode())
            count += len(versions)
    return count


def precedence(version: str) -> tuple[Any, ...]:
    """What versions are ordered by. Source: Semantic Versioning 2.0, 11."""
    core, _, pre = version.partition("+")[0].partition("-")
    numbers = tuple(int(part) if part.isdigit() else 0 for part in core.split("."))
    # a number before a word, and any pre-release before the release
    words = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")) if pre else ()
    return (numbers, not pre, words)


def _version(found: dict[str, Any], tarball: Path, name: str) -> dict[str, Any]:
    kept = {key: value for key, value in found.items() if key not in ("readme", "dist") and not key.startswith("_")}
    scripts = cast("dict[str, Any]", found.get("scripts") or {})
    if {"preinstall", "install", "postinstall"} & scripts.keys():
        kept["hasInstallScript"] = True
    kept["dist"] = {
        "tarball": f"{BASE}{name}/-/{tarball.name}",
        "integrity": integrity(tarball),
        "shasum": hashlib.sha1(tarball.read_bytes(), usedforsecurity=False).hexdigest(),
    }
    return kept
