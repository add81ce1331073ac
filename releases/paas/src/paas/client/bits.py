"""An app's files: which there are, what the platform knows of them already, and an archive of the rest."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from paas.client.api import Api
from paas.client.errors import ClientError
from paas.client.ignore import ignore_of

MATCH_FROM = 65536
"""Bytes. The platform keeps no smaller files by themselves."""
MATCH_AT_ONCE = 1000
ARCHIVES = (".zip", ".jar", ".war")
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class File:
    """`path` with ``/``, relative to the app; `mode` as of the file system."""

    path: str
    source: Path
    mode: int
    size: int

    def sha1(self) -> str:
        """Of its content; what the platform knows files by."""
        digest = hashlib.sha1(usedforsecurity=False)
        with self.source.open("rb") as content:
            while part := content.read(1 << 20):
                digest.update(part)
        return digest.hexdigest()


def files_of(folder: Path) -> list[File]:
    """All that is to be pushed, in order; links are kept as links."""
    ignored = ignore_of(folder)
    found: list[File] = []

    def walk(place: Path, prefix: str) -> None:
        try:
            entries = sorted(os.scandir(place), key=lambda one: one.name)
        except OSError as error:
            raise ClientError(f"{place}: {error.strerror}") from None
        for entry in entries:
            path = prefix + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if ignored(path, is_folder):
                continue
            if is_folder:
                walk(Path(entry.path), path + "/")
            elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                facts = entry.stat(follow_symlinks=False)
                found.append(File(path, Path(entry.path), facts.st_mode, facts.st_size))

    walk(folder, "")
    return found


def known(api: Api, files: list[File]) -> list[dict[str, Any]]:
    """Those that the platform has: entries of ``resources`` for the upload."""
    asked = [
        {
            "path": one.path,
            "mode": f"{stat.S_IMODE(one.mode):o}",
            "size_in_bytes": one.size,
            "checksum": {"value": one.sha1()},
        }
        for one in files
        if one.size >= MATCH_FROM and stat.S_ISREG(one.mode)
    ]
    matched: list[dict[str, Any]] = []
    for start in range(0, len(asked), MATCH_AT_ONCE):
        matched += api.post("/v3/resource_matches", {"resources": asked[start : start + MATCH_AT_ONCE]})["resources"]
    return matched


def archive(files: list[File], without: set[str], target: Path) -> int:
    """A zip of the files but those `without`; how many are in it. The same files make the same archive."""
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
        for one in files:
            if one.path in without:
                continue
            entry = zipfile.ZipInfo(one.path, EPOCH)
            entry.external_attr = one.mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            if stat.S_ISLNK(one.mode):
                made.writestr(entry, os.readlink(one.source))
            else:
                with one.source.open("rb") as content, made.open(entry, "w", force_zip64=one.size > 1 << 31) as out:
                    while part := content.read(1 << 20):
                        out.write(part)
            count += 1
    return count


def upload(api: Api, package: str, path: Path, say: Callable[[str], None]) -> None:
    """Send what is at `path`: a folder, or an archive as it is."""
    if path.is_file():
        if path.suffix.lower() not in ARCHIVES and not zipfile.is_zipfile(path):
            raise ClientError(f"{path} is neither a folder nor an archive.", "Push a folder, or a .zip, .jar or .war.")
        say(f"Sending {path.name} ({_size(path.stat().st_size)})")
        _send(api, package, path, [])
        return
    files = files_of(path)
    if not files:
        raise ClientError(f"There is nothing to push in {path}.", "Is a pattern in .cfignore too wide?")
    matched = known(api, files)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "package.zip")
        count = archive(files, {one["path"] for one in matched}, target)
        told = f", {len(matched)} are known" if matched else ""
        say(f"Sending {count} of {len(files)} files ({_size(target.stat().st_size)}){told}")
        _send(api, package, target if count else None, matched)


def _send(api: Api, package: str, file: Path | None, resources: list[dict[str, Any]]) -> None:
    form = {"resources": msgspec.json.encode(resources).decode()}
    place = f"/v3/packages/{package}/upload"
    if file is None:
        api.send("POST", place, files={"resources": (None, form["resources"])})
        return
    with file.open("rb") as content:
        api.send("POST", place, data=form, files={"bits": ("package.zip", content, "application/zip")})


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{(count + 1023) // 1024} KB"
