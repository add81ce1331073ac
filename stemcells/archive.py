"""The archives that a stemcell consists of. Disks go through memory in pieces; who packed them, and when, is not told."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from stemcells.overlay import EPOCH


def write(out: Path, parts: Iterable[tuple[str, Path | bytes]], compression: int) -> None:
    """A tar.gz of files (by their path, or their contents) under the names given, in this order."""
    with tarfile.open(out, "w:gz", compresslevel=compression, format=tarfile.GNU_FORMAT) as archive:
        for name, part in parts:
            info = tarfile.TarInfo(name)
            info.mtime, info.uname, info.gname = EPOCH, "root", "root"
            with io.BytesIO(part) if isinstance(part, bytes) else part.open("rb") as file:
                info.size = len(part) if isinstance(part, bytes) else part.stat().st_size
                archive.addfile(info, file)


def stemcell(out: Path, manifest: Mapping[str, object], image: Path, packages: Path | None = None) -> None:
    """The stemcell with this image; `manifest` gets the image's digest and what all of ours have."""
    with image.open("rb") as file:
        sha1 = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
    document = {
        "name": manifest["name"],
        "version": manifest["version"],
        "api_version": 3,
        "bosh_protocol": "1",
        "operating_system": manifest["operating_system"],
        "sha1": sha1,
        "stemcell_formats": manifest["stemcell_formats"],
        "cloud_properties": manifest["cloud_properties"],
    }
    parts: list[tuple[str, Path | bytes]] = [("stemcell.MF", yaml.safe_dump(document, sort_keys=False).encode())]
    if packages is not None:
        parts.append(("packages.txt", packages))
    # The image is compressed already, so the outer archive is gzip in form only.
    write(out, [*parts, ("image", image)], 0)
