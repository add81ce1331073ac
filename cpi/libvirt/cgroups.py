"""The cgroups of a container: which layout it gets, who is left in them, and their removal."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from cpi.libvirt import mounts

ROOT = Path("/sys/fs/cgroup")
SHORT_NAME = 20
"""libvirt's cgroups carry the first 20 characters of a domain's name."""
YOUNG = 60.0


def layout() -> str:
    """`v2` where the host has the unified hierarchy alone, else `v1`: the container then gets all v1 controllers."""
    return "v2" if (ROOT / "cgroup.controllers").exists() else "v1"


def own_group(prefix: str, name: str) -> str:
    """Path of the container's own groups below each hierarchy's root."""
    return f"meristem-{prefix}/{name}"


def kill(prefix: str, name: str, uuid: str, seconds: float) -> list[int]:
    """Kill what an earlier life of the container left running; their process ids. OSError if they do not die."""
    killed: set[int] = set()
    until = time.monotonic() + seconds
    while pids := {*_members(own_group(prefix, name)), *_inits(uuid)}:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= pids
        if time.monotonic() >= until:
            raise TimeoutError(f"processes {sorted(pids)} of container '{name}' do not die")
        time.sleep(0.01)
    return sorted(killed)


def remove(prefix: str, name: str, ended: set[int], active: set[int]) -> None:
    """Remove the container's groups and libvirt's of the domain ids `ended`, or of its name, old and not `active`."""
    with _hidden_unified() as hidden:
        for root in [*_roots(), *hidden]:
            _remove_tree(root / own_group(prefix, name))
            with contextlib.suppress(OSError):
                (root / own_group(prefix, name)).parent.rmdir()
    for root in _roots():
        for path, number in _libvirt_groups(root, name):
            with contextlib.suppress(FileNotFoundError):
                old = time.time() - path.stat().st_ctime > YOUNG
                if number in ended or (old and number not in active):
                    _remove_tree(path)


def _roots() -> list[Path]:
    if layout() == "v2":
        return [ROOT]
    return [path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink()]


@contextlib.contextmanager
def _hidden_unified() -> Generator[list[Path]]:
    """The unified hierarchy of a hybrid host where it is not mounted (libvirt's container driver fails if it is): the
    container's systemd has its groups there all the same."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    if layout() == "v2" or not any(line.startswith("0::") for line in lines) or (ROOT / "unified").is_dir():
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="meristem-unified-") as folder:
        mounts.mount_unified(Path(folder))
        try:
            yield [Path(folder)]
        finally:
            mounts.unmount(Path(folder))


def _members(group: str) -> Iterator[int]:
    for root in _roots():
        for folder, _, _ in os.walk(root / group):
            with contextlib.suppress(OSError):
                yield from (int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split())


def _inits(uuid: str) -> Iterator[int]:
    """First processes of containers of this domain: libvirt gives them its uuid in their environment."""
    mark = f"LIBVIRT_LXC_UUID={uuid}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    yield int(entry)


def _libvirt_groups(root: Path, name: str) -> Iterator[tuple[Path, int]]:
    wanted = re.compile(rf"lxc-(\d+)-{re.escape(name[:SHORT_NAME])}(\.libvirt-lxc)?")
    machine = root / "machine"
    for entry in os.listdir(machine) if machine.is_dir() else []:
        found = wanted.fullmatch(entry)
        if found:
            yield machine / entry, int(found.group(1))


def _remove_tree(path: Path) -> None:
    for folder, _, _ in os.walk(path, topdown=False):
        with contextlib.suppress(OSError):  # the next delete or the next start tries again
            os.rmdir(folder)
