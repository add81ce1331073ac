"""An ISO 9660 image with one file in it, as the agent's settings go onto a CD-ROM."""

from __future__ import annotations

import struct

SECTOR = 2048
ROOT, LITTLE_TABLE, BIG_TABLE, DATA = 18, 19, 20, 21
NO_DATE = b"0" * 16 + b"\0"


def image(name: str, data: bytes) -> bytes:
    """The image; Linux shows the file in lower case."""
    sectors = max(1, -(-len(data) // SECTOR))
    file = _record(f"{name.upper()}.;1".encode(), DATA, len(data), directory=False)
    root = _record(b"\0", ROOT, SECTOR, directory=True)
    folder = root + _record(b"\1", ROOT, SECTOR, directory=True) + file
    parts = [
        bytes(16 * SECTOR),
        _primary(root, DATA + sectors),
        _padded(b"\xffCD001\x01"),
        _padded(folder),
        _padded(struct.pack("<BBIH", 1, 0, ROOT, 1) + b"\0\0"),
        _padded(struct.pack(">BBIH", 1, 0, ROOT, 1) + b"\0\0"),
        data + bytes(sectors * SECTOR - len(data)),
    ]
    return b"".join(parts)


def _primary(root: bytes, sectors: int) -> bytes:
    text = (
        b"\x01CD001\x01\0" + b" " * 32 + b"AGENT_ENV".ljust(32) + bytes(8) + _both(sectors, 4) + bytes(32)
        + _both(1, 2) + _both(1, 2) + _both(SECTOR, 2) + _both(10, 4)
        + struct.pack("<II", LITTLE_TABLE, 0) + struct.pack(">II", BIG_TABLE, 0) + root
        + b" " * (128 * 4) + b" " * (37 * 3) + NO_DATE * 4 + b"\x01\0"
    )  # fmt: skip
    return _padded(text)


def _record(name: bytes, sector: int, size: int, *, directory: bool) -> bytes:
    fields = _both(sector, 4) + _both(size, 4) + bytes(7) + bytes([2 if directory else 0, 0, 0]) + _both(1, 2)
    record = fields + bytes([len(name)]) + name
    record += b"" if len(name) % 2 else b"\0"
    return bytes([len(record) + 2, 0]) + record


def _both(number: int, width: int) -> bytes:
    return number.to_bytes(width, "little") + number.to_bytes(width, "big")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)
