"""A stemcell image of one MiB that the kit makes: a disk whose boot sector halts the processor, without any system on it.

A hypervisor starts it and it stays on, at rest. It holds no agent: the kit asks the CPI and the cloud, never the VM.
"""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

MIB = 1024 * 1024
BOOT = b"\xfa\xf4\xeb\xfc".ljust(510, b"\0") + b"\x55\xaa"
"""cli; hlt; jmp back: with interrupts off it rests for ever."""
CLUSTER = 65536


def write(path: Path, formats: Sequence[str]) -> Path:
    """The image in the first format that the kit can make (`*qcow2*`, else raw)."""
    path.write_bytes(_qcow2() if any("qcow2" in one for one in formats) else _raw())
    return path


def changed(image: Path, copy: Path, number: int) -> Path:
    """A copy with another digest: an empty member behind gzip, zeros behind anything else (disks and tar archives allow them)."""
    shutil.copyfile(image, copy)
    with copy.open("r+b") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0, os.SEEK_END)
        file.write(gzip.compress(b"", mtime=number) if packed else bytes(512 * number))
    return copy


def _raw() -> bytes:
    return BOOT.ljust(MIB, b"\0")


def _qcow2() -> bytes:
    """Version 2 of the format: header, refcount table and block, L1, one L2 table, and one cluster of data."""
    clusters = 6
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, MIB, 0, 1, 3 * CLUSTER, 1 * CLUSTER, 1, 0, 0
    )  # fmt: skip
    counts = b"\0\1" * clusters
    copied = 1 << 63
    parts = [
        header,
        struct.pack(">Q", 2 * CLUSTER),
        counts,
        struct.pack(">Q", copied | 4 * CLUSTER),
        struct.pack(">Q", copied | 5 * CLUSTER),
        BOOT,
    ]
    return b"".join(part.ljust(CLUSTER, b"\0") for part in parts)
