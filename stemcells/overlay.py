"""What a stemcell has on top of Debian: the files in `rootfs/` (and `machine/`), the agent, enabled and masked units."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from stemcells.recipe import HERE, Recipe

AGENT = "var/vcap/bosh/bin/meristem-agent.pyz"
UNITS = "etc/systemd/system"
PRIVATE = {"etc/sudoers.d/bosh_sudoers": 0o440}
EPOCH = 1704067200
"""Modification time of all entries (2024-01-01 UTC): the same input gives the same bytes."""


@dataclass(frozen=True)
class Entry:
    """One file (`data`) or symbolic link (`target`) at `path`, relative to the root."""

    path: str
    mode: int = 0o644
    data: bytes = b""
    target: str | None = None


def entries(recipe: Recipe, agent: bytes) -> list[Entry]:
    """Everything to add, sorted by path."""
    found = [Entry(AGENT, 0o755, agent)]
    for rootfs in (HERE / "rootfs", *([HERE / "machine"] if recipe.machine else [])):
        for file in rootfs.rglob("*"):
            if file.is_file():
                path = str(file.relative_to(rootfs))
                mode = PRIVATE.get(path, 0o755 if file.stat().st_mode & 0o100 else 0o644)
                found.append(Entry(path, mode, file.read_bytes()))
    for unit, target in recipe.enable:
        found.append(Entry(f"{UNITS}/{target}.wants/{unit}", target=f"/{UNITS}/{unit}"))
    found += [Entry(f"{UNITS}/{unit}", target="/dev/null") for unit in recipe.mask]
    return sorted(found, key=lambda entry: entry.path)


def pack(found: list[Entry], present: set[str]) -> bytes:
    """A tar of the entries with its end-of-archive blocks; folders that `present` lacks are added first.

    An entry whose path is present is refused (ValueError): not every reader lets a later entry replace an earlier one.
    """
    clashes = [entry.path for entry in found if entry.path in present]
    if clashes:
        raise ValueError(
            f"these files come with the packages already: {', '.join(clashes)}; the recipe's script must remove them"
        )
    known = set(present)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in found:
            for folder in reversed(Path(entry.path).parents[:-1]):
                if str(folder) not in known:
                    known.add(str(folder))
                    archive.addfile(_info(str(folder), tarfile.DIRTYPE, 0o755))
            if entry.target is not None:
                link = _info(entry.path, tarfile.SYMTYPE, 0o777)
                link.linkname = entry.target
                archive.addfile(link)
            else:
                info = _info(entry.path, tarfile.REGTYPE, entry.mode)
                info.size = len(entry.data)
                archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def _info(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"./{path}")
    info.type = kind
    info.mode = mode
    info.mtime = EPOCH
    info.uname = info.gname = "root"
    return info
