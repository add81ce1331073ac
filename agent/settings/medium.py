"""Reading one file from a device: an ISO medium as it is, any other by mounting it, read only, for a moment."""

from __future__ import annotations

import tempfile
from pathlib import Path

from agent.errors import AgentError, SettingsError
from agent.process.command import command
from agent.settings import iso9660


def read_from(place: Path, name: str) -> bytes:
    """File ``name`` of the folder or block device ``place``; SettingsError if either is absent."""
    if place.is_dir():
        return _read(place / name)
    if not place.exists():
        raise SettingsError(f"{place}: no such device")
    try:
        if iso9660.is_iso(place):
            return iso9660.read(place, name)
    except OSError as error:
        raise SettingsError(f"{place}: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix="meristem-settings-") as folder:
        try:
            command(["mount", "-o", "ro", place, folder])
        except AgentError as error:
            raise SettingsError(f"{place}: {error}") from None
        try:
            return _read(Path(folder, name))
        finally:
            command(["umount", folder], check=False)


def by_label(path: str) -> Path:
    """The device of /dev/disk/by-label/X, found by probing where udev does not make that link."""
    wanted = Path(path)
    if wanted.exists() or wanted.parent != Path("/dev/disk/by-label"):
        return wanted
    found = command(["blkid", "-o", "device", "-t", f"LABEL={wanted.name}"], check=False).stdout.split()
    # In a container the loop devices are the machine's: what is on one may be another VM's drive.
    own = [device for device in found if not device.startswith("/dev/loop")]
    return Path(own[0]) if own else wanted


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
