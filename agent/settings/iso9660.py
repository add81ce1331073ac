"""Files of an ISO 9660 medium, read without mounting it: a kernel need not know the file system (ECMA-119, Joliet, Rock Ridge)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO, Iterator, NamedTuple, Optional

from agent.errors import SettingsError

_SECTOR = 2048
_FIRST, _LAST = 16, 64
_PRIMARY, _SUPPLEMENTARY, _END = 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")
_MOST = 16 << 20


class _Entry(NamedTuple):
    """A file or folder: its first sector, its size in bytes."""

    name: str
    sector: int
    size: int
    folder: bool


def is_iso(place: Path) -> bool:
    """True if the medium ``place`` carries this file system; OSError if it cannot be read."""
    with place.open("rb") as medium:
        return _sector(medium, _FIRST)[1:6] == b"CD001"


def read(place: Path, name: str) -> bytes:
    """File ``name`` (with ``/`` between folders, upper and lower case alike); SettingsError if it is not there."""
    with place.open("rb") as medium:
        for root, joliet in _roots(medium):
            found: Optional[_Entry] = root
            for part in name.strip("/").split("/"):
                found = _child(medium, found, part, joliet) if found is not None and found.folder else None
            if found is not None and not found.folder:
                if found.size > _MOST:
                    raise SettingsError(f"{place}: {name} has {found.size} bytes; settings are never that large")
                return _extent(medium, found)
    raise SettingsError(f"{place}: no file {name} on this ISO 9660 medium")


def _roots(medium: BinaryIO) -> Iterator[tuple[_Entry, bool]]:
    """The root folders of all trees; the one with full names (Joliet) first."""
    found: list[tuple[_Entry, bool]] = []
    for number in range(_FIRST, _LAST):
        volume = _sector(medium, number)
        if volume[1:6] != b"CD001" or volume[0] == _END:
            break
        joliet = volume[0] == _SUPPLEMENTARY and volume[88:91] in _JOLIET
        if volume[0] == _PRIMARY or joliet:
            entry = _parsed(volume[156:190], joliet)
            found += [(entry, joliet)] if entry is not None else []
    return iter(sorted(found, key=lambda root: not root[1]))


def _child(medium: BinaryIO, folder: _Entry, name: str, joliet: bool) -> Optional[_Entry]:
    data = _extent(medium, folder)
    at = 0
    while at < len(data):
        length = data[at]
        if length == 0:  # records do not cross sectors: the rest of this one is empty
            at = (at // _SECTOR + 1) * _SECTOR
            continue
        entry = _parsed(data[at : at + length], joliet)
        if entry is not None and entry.name.lower() == name.lower():
            return entry
        at += length
    return None


def _parsed(record: bytes, joliet: bool) -> Optional[_Entry]:
    if len(record) < 34 or len(record) < 33 + record[32]:
        return None
    raw = record[33 : 33 + record[32]]
    if raw in (b"\0", b"\1"):  # the folder itself and the one above it
        name = ""
    elif joliet:
        name = raw.decode("utf-16-be", "replace")
    else:
        name = _long_name(record[33 + record[32] + (record[32] % 2 == 0) :]) or raw.decode("ascii", "replace")
    name = name.partition(";")[0].rstrip(".")
    return _Entry(name, _number(record, 2), _number(record, 10), bool(record[25] & 2))


def _long_name(fields: bytes) -> str:
    """The name by Rock Ridge, in the fields that follow a record; empty without one."""
    name, at = b"", 0
    while at + 4 <= len(fields) and fields[at + 2] >= 4:
        length = fields[at + 2]
        if fields[at : at + 2] == b"NM":
            name += fields[at + 5 : at + length]
        at += length
    return name.decode("utf-8", "replace")


def _number(record: bytes, at: int) -> int:
    return int.from_bytes(record[at : at + 4], "little")


def _extent(medium: BinaryIO, entry: _Entry) -> bytes:
    medium.seek(entry.sector * _SECTOR, io.SEEK_SET)
    return medium.read(min(entry.size, _MOST))


def _sector(medium: BinaryIO, number: int) -> bytes:
    medium.seek(number * _SECTOR, io.SEEK_SET)
    return medium.read(_SECTOR)
