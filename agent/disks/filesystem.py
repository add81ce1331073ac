"""Partitions, file systems and mounts. Nothing that carries a file system is ever formatted."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from pathlib import Path

from agent.disks.device import is_block, number
from agent.errors import AgentError, CommandFailed
from agent.process.command import command
from agent.shapes import Json, array_or_empty, object_or_empty

log = logging.getLogger(__name__)

_BUSY_TIMEOUT = 60.0
_LOOP_MAJOR = 7
_WORTH_GROWING = 4 << 20
_OF_THE_DEVICE = ("DEVNAME", "PART_ENTRY_")
"""Begins of what blkid says of a device's own name and of its place in a partition table: an empty partition has these, too."""


def probe(device: Path) -> dict[str, str]:
    """What blkid sees on the device itself, e.g. {"TYPE": "ext4"} or {"PTTYPE": "dos"}; {} if it is empty."""
    done = command(["blkid", "-p", "-o", "export", device], check=False)
    if done.returncode == 2:
        return {}
    if done.returncode != 0:
        raise AgentError(f"{device}: blkid cannot tell what it holds ({done.stderr.strip() or done.returncode})")
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {name: value for name, value in told.items() if not name.startswith(_OF_THE_DEVICE)}


def partition_of(device: Path, *, allowed: bool) -> Path:
    """The node that carries the file system: the first partition, or the device where it cannot be partitioned."""
    held = probe(device)
    if "TYPE" in held:
        return device
    first = _first_partition(device)
    if "PTTYPE" in held:
        if is_block(first):
            return first
        command(["partx", "-a", device], check=False)
        _wait_for_node(first)
        return first
    if not allowed or not _partitionable(device):
        return device
    command(["sfdisk", "--quiet", device], stdin="label: gpt\n,,L\n")
    _wait_for_node(first)
    return first


def _partitionable(device: Path) -> bool:
    # Loop devices of a container (whatever their name there) have no partition nodes, and without udev nobody would
    # make them.
    return number(device)[0] != _LOOP_MAJOR and Path("/run/udev/control").exists()


def _first_partition(device: Path) -> Path:
    real = device.resolve()
    return real.with_name(f"{real.name}p1" if real.name[-1].isdigit() else f"{real.name}1")


def _wait_for_node(node: Path) -> None:
    deadline = time.monotonic() + 10
    while not is_block(node):
        if time.monotonic() > deadline:
            raise AgentError(f"{node} did not appear after the disk was partitioned; is udev running?")
        time.sleep(0.1)


def ensure_filesystem(node: Path, kind: str, intent: Path) -> None:
    """Format ``node`` if it is empty. ``intent`` marks a format under way, so that a half made one is made anew."""
    held = probe(node)
    if not intent.exists():
        if "TYPE" in held:
            return
        if held:
            raise AgentError(f"{node} holds {held} but no file system; it is not formatted")
        intent.parent.mkdir(parents=True, exist_ok=True)
        intent.touch()
    log.info("formatting %s with %s", node, kind)
    if kind == "xfs":
        command(["mkfs.xfs", "-f", "-q", node])
    elif kind == "ext4":
        command(["mkfs.ext4", "-F", "-q", "-j", "-E", "lazy_itable_init=1", node])
    else:
        raise AgentError(f"env.persistent_disk_fs: {kind!r}: expected ext4 or xfs")
    intent.unlink()


def mounted_at(point: Path) -> tuple[int, int] | None:
    """Major and minor number of what is mounted at ``point``, or None."""
    found: tuple[int, int] | None = None
    real = str(point.resolve())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4].replace("\\040", " ") == real:
            major, _, minor = fields[2].partition(":")
            found = int(major), int(minor)
    return found


def mount(node: Path, point: Path, options: list[str]) -> None:
    """Mount; nothing to do if ``node`` is mounted there already, AgentError if something else is."""
    held = mounted_at(point)
    if held == number(node):
        return
    if held is not None:
        raise AgentError(f"{point} holds another device ({held[0]}:{held[1]}), so {node} cannot be mounted there")
    point.mkdir(parents=True, exist_ok=True)
    _grow_unmounted(node)
    command(["mount", *(["-o", ",".join(options)] if options else []), node, point])
    if probe(node).get("TYPE") == "xfs":
        command(["xfs_growfs", point], check=False)


def unmount(point: Path) -> None:
    """Unmount, waiting up to a minute while it is in use. Nothing to do if nothing is mounted."""
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while mounted_at(point) is not None:
        try:
            command(["umount", point])
        except CommandFailed as error:
            if time.monotonic() > deadline:
                raise AgentError(f"{point} is still in use after {_BUSY_TIMEOUT:.0f} s: {error}") from None
            time.sleep(0.5)


def _grow_unmounted(node: Path) -> None:
    # A disk that the cloud resized while detached has room behind its file system. On line, ext4 grows only with a
    # capability that containers lack.
    if not probe(node).get("TYPE", "").startswith("ext"):
        return
    facts = dict(re.findall(r"^Block (count|size):\s+(\d+)$", command(["dumpe2fs", "-h", node]).stdout, re.MULTILINE))
    with open(node, "rb") as file:
        room = file.seek(0, os.SEEK_END)
    if room - int(facts["count"]) * int(facts["size"]) < _WORTH_GROWING:
        return
    log.info("%s has grown; its file system follows", node)
    checked = command(["e2fsck", "-f", "-p", node], check=False)
    if checked.returncode > 1:
        raise AgentError(f"{node}: its file system needs repair by hand before it can grow: {checked.stdout.strip()}")
    command(["resize2fs", node])


def grow_partition(device: Path, node: Path) -> None:
    """Let the only partition of a resized disk fill it."""
    if node == device:
        return
    listed: Json = json.loads(command(["lsblk", "-J", "-b", "-o", "NAME,SIZE", device]).stdout or "{}")
    entry = object_or_empty(next(iter(array_or_empty(listed.get("blockdevices"))), None))
    children = [object_or_empty(child) for child in array_or_empty(entry.get("children"))]
    if len(children) == 1 and int(entry["size"]) - int(children[0]["size"]) > 32 << 20:
        command(["sfdisk", "--quiet", "--force", "--no-reread", "-N", "1", device], stdin=", +\n", check=False)
        command(["partx", "-u", device], check=False)
