from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml


def tgz(files: Mapping[str, bytes | str | tarfile.TarInfo], *, compress: bool = True, prefix: str = "./") -> bytes:
    """A tar archive in memory; a TarInfo value is put in as it is (links, devices)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            raw = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(prefix + name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return gzip.compress(out.getvalue(), mtime=0) if compress else out.getvalue()


@dataclass
class Made:
    """A small release whose parts a test may spoil before it is packed."""

    manifest: dict[str, Any]
    job: dict[str, bytes | str | tarfile.TarInfo]
    package: bytes
    extra: dict[str, bytes | str | tarfile.TarInfo] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def members(self, *, honest_digests: bool = True) -> dict[str, bytes | str | tarfile.TarInfo]:
        job = tgz(self.job)
        if honest_digests:
            self.manifest["jobs"][0].setdefault("sha1", hashlib.sha1(job).hexdigest())
            self.manifest["packages"][0].setdefault("sha1", hashlib.sha1(self.package).hexdigest())
        members: dict[str, bytes | str | tarfile.TarInfo] = {
            "release.MF": yaml.safe_dump(self.manifest),
            "jobs/web.tgz": job,
            "packages/greeter.tgz": self.package,
            **self.extra,
        }
        return {name: content for name, content in members.items() if name not in self.left_out}

    def write(self, path: Path, **options: Any) -> Path:
        path.write_bytes(tgz(self.members(), **options))
        return path


@pytest.fixture
def made() -> Made:
    spec = {
        "name": "web",
        "templates": {"ctl.erb": "bin/ctl"},
        "packages": ["greeter"],
        "provides": [{"name": "web", "type": "http", "properties": ["port"]}],
        "properties": {"port": {"default": 80}, "nothing": {"default": None}, "must": {"description": "no default"}},
    }
    return Made(
        manifest={
            "name": "demo",
            "version": "1.2",
            "commit_hash": "abc1234",
            "uncommitted_changes": False,
            "jobs": [{"name": "web", "version": "f1", "fingerprint": "f1", "packages": ["greeter"]}],
            "packages": [{"name": "greeter", "version": "f2", "fingerprint": "f2", "dependencies": []}],
        },
        job={"job.MF": yaml.safe_dump(spec), "monit": "", "templates/ctl.erb": "#!/bin/bash\n"},
        package=tgz({"packaging": "true\n"}),
    )


@pytest.fixture
def pack() -> Callable[..., bytes]:
    return tgz


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A directory that must be empty again when a reader is done."""
    place = tmp_path / "scratch"
    place.mkdir()
    return place
