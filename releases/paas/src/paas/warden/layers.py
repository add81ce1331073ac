"""A container's files: the stack below, a writable layer of a fixed size above it.

The writable layer is an ext4 file system in a sparse file, so that no container can fill the machine's disk. Where the machine has no
loop devices the layer is a plain directory: the container's disk limit is then not enforced, which every answer says.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from paas.containers.protocol import Limits
from paas.warden.programs import ProgramError, Programs
from paas.warden.record import Place

USER_ID = 2000
ROOM_FOR_TABLES = 1.04
"""The file system's own tables take some of the image; the limit is what the container can use."""
TABLES_MB = 2
MOUNT_TRIES = 3
DEVICES = Path("/dev")
LOOP_CTL_GET_FREE = 0x4C82
LOOP_MAJOR = 7
"""Source: linux/loop.h and the kernel's list of devices."""


def loops_work() -> bool:
    """Whether this machine has loop devices that can be opened."""
    try:
        os.close(os.open("/dev/loop-control", os.O_RDWR))
    except OSError:
        return False
    return True


async def mount_layers(programs: Programs, place: Place, rootfs: str, limits: Limits, loop: bool) -> None:
    """Make and mount the writable layer and the union of both at ``place.rootfs``."""
    for directory in (place.disk, place.rootfs):
        directory.mkdir(parents=True, exist_ok=True)
    if loop:
        with place.image.open("wb") as image:
            image.truncate(int(limits.disk_mb * ROOM_FOR_TABLES + TABLES_MB) << 20)
        options = ["-q", "-F", "-m", "0", "-i", "8192", "-O", "^has_journal", "-E", "nodiscard,lazy_itable_init=1"]
        await programs.run("mkfs.ext4", *options, str(place.image))
        options = ["-o", "loop,discard,nodev,nosuid,noatime", str(place.image), str(place.disk)]
        await _mount(programs, *options, ready=give_a_node)
    for name in ("upper", "work"):
        (place.disk / name).mkdir(exist_ok=True)
    layers = f"lowerdir={rootfs},upperdir={place.disk}/upper,workdir={place.disk}/work"
    await _mount(programs, "-t", "overlay", "-o", f"{layers},nodev,nosuid", "overlay", str(place.rootfs))
    _prepare(place.rootfs)


def give_a_node(devices: Path = DEVICES) -> None:
    """Make the node of the loop device that is next in turn, if it has none: the devices of a VM that is a container itself come from no kernel."""
    # where that cannot be, mount says what it lacks
    with contextlib.suppress(OSError), (DEVICES / "loop-control").open("rb") as control:
        number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        os.mknod(devices / f"loop{number}", stat.S_IFBLK | 0o660, os.makedev(LOOP_MAJOR, number))


async def _mount(programs: Programs, *arguments: str, ready: Callable[[], None] | None = None) -> None:
    # a loop device that is free when it is looked for may be taken when it is used
    for left in reversed(range(MOUNT_TRIES)):
        try:
            if ready is not None:
                ready()
            await programs.run("mount", *arguments)
        except ProgramError:
            if not left:
                raise
        else:
            return


def _prepare(root: Path) -> None:
    """The home of the user that apps run as, and its name where the stack does not know it."""
    home = root / "home/vcap"
    home.mkdir(parents=True, exist_ok=True)
    os.chown(home, USER_ID, USER_ID)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name, line in (
        ("passwd", f"vcap:x:{USER_ID}:{USER_ID}::/home/vcap:/bin/bash"),
        ("group", f"vcap:x:{USER_ID}:"),
    ):
        file = root / "etc" / name
        text = file.read_text() if file.exists() else ""
        if not any(known.startswith("vcap:") for known in text.splitlines()):
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{text}{line}\n")


def mounted_below(directory: Path) -> list[str]:
    """Mount points in `directory`, the innermost last."""
    points: list[str] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if point.startswith(f"{directory}/"):
            points.append(point)
    return points


async def remove_layers(programs: Programs, place: Place) -> None:
    """Unmount all and remove the files; the loop device goes with its mount."""
    for point in reversed(mounted_below(place.directory)):
        try:
            await programs.run("umount", point)
        except ProgramError:
            # someone still looks at a file there; the mount ends when they have gone
            with contextlib.suppress(ProgramError):
                await programs.run("umount", "-l", point)
    if not mounted_below(place.directory):
        shutil.rmtree(place.directory, ignore_errors=True)


def disk_use(place: Place, loop: bool) -> int:
    """Bytes that the container has written."""
    if loop:
        try:
            state = os.statvfs(place.disk)
        except OSError:
            return 0
        return (state.f_blocks - state.f_bfree) * state.f_frsize
    total = 0
    for directory, _, files in os.walk(place.disk / "upper"):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512
    return total
