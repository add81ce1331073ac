"""A config drive: an ISO 9660 image with folders, as OpenStack's clouds hand it to their VMs (label config-2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

SECTOR = 2048
LABEL = "config-2"
FIRST = 20
"""First sector of folders: after 16 empty ones, the two descriptors, and the two path tables."""
NO_DATE = b"0" * 16 + b"\0"


@dataclass(slots=True)
class _Folder:
    """`number` counts folders from 1, as the path tables do."""

    name: str
    parent: _Folder | None
    folders: dict[str, _Folder] = field(default_factory=dict[str, "_Folder"])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    number: int = 0
    sector: int = 0
    places: dict[str, int] = field(default_factory=dict[str, int])


def image(files: Mapping[str, bytes]) -> bytes:
    """The image of files by path. Linux shows all names in lower case; a folder holds about 30."""
    top = _tree(files)
    folders = _in_order(top)
    next_sector = FIRST
    for number, folder in enumerate(folders, 1):
        folder.number, folder.sector = number, next_sector
        next_sector += 1
    data: list[bytes] = []
    for folder in folders:
        for name, content in folder.files.items():
            folder.places[name] = next_sector
            data.append(_padded(content) or bytes(SECTOR))
            next_sector += len(data[-1]) // SECTOR
    tables = [_path_table(folders, order) for order in "<>"]
    parts = [bytes(16 * SECTOR), _descriptor(top, next_sector, len(tables[0])), _padded(b"\xffCD001\x01")]
    parts += [_padded(table) for table in tables]
    parts += [_listing(folder) for folder in folders]
    return b"".join([*parts, *data])


def _tree(files: Mapping[str, bytes]) -> _Folder:
    top = _Folder("", None)
    for path, content in sorted(files.items()):
        here, *more = path.split("/")
        place = top
        while more:
            place = place.folders.setdefault(here, _Folder(here, place))
            here, *more = more
        place.files[here] = content
    return top


def _in_order(top: _Folder) -> list[_Folder]:
    """Level by level, as the path tables want them."""
    found = [top]
    for folder in found:
        found += [folder.folders[name] for name in sorted(folder.folders)]
    return found


def _path_table(folders: list[_Folder], order: str) -> bytes:
    rows: list[bytes] = []
    for folder in folders:
        name = folder.name.upper().encode() or b"\0"
        parent = folder.parent.number if folder.parent else 1
        rows.append(struct.pack(f"{order}BBIH", len(name), 0, folder.sector, parent) + name + bytes(len(name) % 2))
    return b"".join(rows)


def _listing(folder: _Folder) -> bytes:
    above = folder.parent or folder
    records = [_record(b"\0", folder.sector, SECTOR, folder=True), _record(b"\1", above.sector, SECTOR, folder=True)]
    named = [(one.upper().encode(), inner.sector, SECTOR, True) for one, inner in folder.folders.items()]
    named += [(_file_name(one), folder.places[one], len(data), False) for one, data in folder.files.items()]
    records += [_record(name, sector, size, folder=is_folder) for name, sector, size, is_folder in sorted(named)]
    listing = b"".join(records)
    if len(listing) > SECTOR:
        raise ValueError(f"folder {folder.name!r} of a config drive holds more names than fit")
    return _padded(listing)


def _file_name(name: str) -> bytes:
    stem, _, ending = name.upper().rpartition(".")
    return f"{stem}.{ending};1".encode() if stem else f"{ending}.;1".encode()


def _descriptor(top: _Folder, sectors: int, table: int) -> bytes:
    root = _record(b"\0", top.sector, SECTOR, folder=True)
    text = (
        b"\x01CD001\x01\0" + b" " * 32 + LABEL.encode().ljust(32) + bytes(8) + _both(sectors, 4) + bytes(32)
        + _both(1, 2) + _both(1, 2) + _both(SECTOR, 2) + _both(table, 4)
        + struct.pack("<II", FIRST - 2, 0) + struct.pack(">II", FIRST - 1, 0) + root
        + b" " * (128 * 4) + b" " * (37 * 3) + NO_DATE * 4 + b"\x01\0"
    )  # fmt: skip
    return _padded(text)


def _record(name: bytes, sector: int, size: int, *, folder: bool) -> bytes:
    fields = _both(sector, 4) + _both(size, 4) + bytes(7) + bytes([2 if folder else 0, 0, 0]) + _both(1, 2)
    record = fields + bytes([len(name)]) + name + bytes(1 - len(name) % 2)
    return bytes([len(record) + 2, 0]) + record


def _both(number: int, width: int) -> bytes:
    return number.to_bytes(width, "little") + number.to_bytes(width, "big")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)
