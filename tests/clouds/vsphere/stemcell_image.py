"""A small stemcell image: the lab's descriptor, and a disk of bytes that are nothing."""

from __future__ import annotations

import io
import tarfile

from stemcells.ova import DISK, descriptor


def write(path, disk, mode="w:gz", named=DISK):
    """An archive at `path` with the disk's bytes in it."""
    with tarfile.open(path, mode) as archive:
        for name, data in (("image.ovf", descriptor(len(disk), 3).encode()), (named, disk)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path
