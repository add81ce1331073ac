"""Stemcells for clouds whose VMs the watcher boots: their system disk is a root tree's archive, in the wrapping that the cloud's CPI wants."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import yaml

from lab.errors import LabError

KIND = "libvirt-lxc"
"""Stands in the names of stemcells of a root tree (format libvirt-rootfs)."""


def rewrapped(
    stemcell: Path, out: Path, kind: str, wrap: Callable[[bytes], Mapping[str, bytes]], **changes: Any
) -> Path:
    """A stemcell of a root tree as one of another kind. `wrap`: the tree's archive -> the files of the new image; `changes` go to its manifest."""
    with tarfile.open(stemcell) as source:
        manifest, tree = yaml.safe_load(_member(source, "stemcell.MF")), _member(source, "image")
    image = archive(wrap(tree))
    manifest |= {
        "name": str(manifest["name"]).replace(KIND, kind),
        "sha1": hashlib.sha1(image, usedforsecurity=False).hexdigest(),
        **changes,
    }
    out.write_bytes(archive({"stemcell.MF": yaml.safe_dump(manifest, sort_keys=False).encode(), "image": image}))
    return out


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz in form only: what is packed is compressed already."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz", compresslevel=0) as made:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return whole.getvalue()


def _member(source: tarfile.TarFile, name: str) -> bytes:
    found: IO[bytes] | None = source.extractfile(name)
    if found is None:
        raise LabError(f"{source.name}: {name} is no file")
    return found.read()
