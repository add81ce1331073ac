"""Loop devices for guests' drives. A cloud may delete a file while a guest has it: they are known by the file's numbers, not by its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from cpi.libvirt import loops
from cpi.libvirt.domain import disk_xml


@dataclass(frozen=True)
class Held:
    """A file that is a guest's drive, by device and inode number; and how many bytes it had when the guest was told."""

    file: str
    device: int
    inode: int
    size: int


def hold(file: Path) -> tuple[Held, str]:
    """Set the device up, or find it; and its path."""
    path, status = loops.attach(file), file.stat()
    return Held(str(file), status.st_dev, status.st_ino, status.st_size), path


def path_of(held: Held) -> str | None:
    """Its device's path, None if there is none any more."""
    same = (one.path for one in loops.all_loops() if (one.device, one.inode) == (held.device, held.inode))
    return next(same, None)


def free(held: Held) -> None:
    """Give the device back; if a guest still has it mounted, the kernel does so when that ends."""
    path = path_of(held)
    if path is not None:
        loops.free(path)


def grown(held: Held) -> Held | None:
    """What the drive is now, if its file has grown: its device has been told."""
    try:
        size = Path(held.file).stat().st_size
    except FileNotFoundError:
        return None
    path = path_of(held)
    if size <= held.size or path is None:
        return None
    loops.grow(path)
    return Held(held.file, held.device, held.inode, size)


def xml(source: str, target: str) -> str:
    """A device of the lab as /dev/TARGET of a guest. libvirt knows no place for a drive called sr0: it is told one."""
    if not target.startswith("sr"):
        return disk_xml(source, target)
    disk = ElementTree.fromstring(disk_xml(source, target))  # noqa: S314 - made here
    disk.set("device", "cdrom")
    unit = target.removeprefix("sr")
    ElementTree.SubElement(
        disk, "address", {"type": "drive", "controller": "9", "bus": "0", "target": "0", "unit": unit}
    )
    return ElementTree.tostring(disk, encoding="unicode")
