"""Index files of a release directory: builds by fingerprint (.dev_builds, .final_builds) and release versions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import yaml_dump, yaml_marks
from meristem.formats.values import Hash, is_hash, text_or_none


@dataclass(frozen=True)
class Build:
    """A built job or package; `blobstore_id` is set for final builds."""

    version: str
    sha1: str
    blobstore_id: str | None


class BuildIndex:
    """`index.yml` of one job or package; missing file = no builds."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find(self, fingerprint: str) -> Build | None:
        """The build of a fingerprint."""
        entry = _builds(self._file).get(fingerprint)
        if not is_hash(entry):
            return None
        version, sha1 = text_or_none(entry.get("version")), text_or_none(entry.get("sha1"))
        if version is None or sha1 is None:
            return None
        return Build(version, sha1, text_or_none(entry.get("blobstore_id")))

    def save(self, fingerprint: str, build: Build) -> None:
        """Adds or replaces a build."""
        entry: Hash = {"version": build.version}
        if build.blobstore_id:
            entry["blobstore_id"] = build.blobstore_id
        entry["sha1"] = build.sha1
        _write(self._file, {**_builds(self._file), fingerprint: entry})


class ReleaseIndex:
    """`<root>/<name>/index.yml`: the versions of a release made in this directory."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "index.yml"

    def versions(self) -> list[str]:
        """All versions, in file order."""
        found = [text_or_none(item.get("version")) for item in _builds(self._file).values() if is_hash(item)]
        return [version for version in found if version is not None]

    def add(self, version: str) -> None:
        """Records a version."""
        if version not in self.versions():
            _write(self._file, {**_builds(self._file), str(uuid.uuid4()): {"version": version}})


def _builds(file: Path) -> Hash:
    if not file.is_file():
        return {}
    data = yaml_marks.load(file.read_bytes(), str(file))
    builds = data.get("builds") if is_hash(data) else None
    return builds if is_hash(builds) else {}


def _write(file: Path, builds: Hash) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(yaml_dump.dump({"builds": builds, "format-version": "2"}))
    fresh.replace(file)
