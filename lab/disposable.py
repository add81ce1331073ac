"""Runs a command on a bare Debian 12 that is thrown away afterwards: the proof that a fresh machine suffices.

The root tree is Debian's smallest with apt; mounts, processes, host name, IPC and cgroups are its own. Shared with the
machine are the kernel, /dev with its loop devices, and the network (apt and pip need it; a lab inside makes its own).
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab import bare, cgroups, loops, namespaces
from lab.errors import LabError
from lab.house import TREE
from lab.programs import program

HOME = "root/meristem"
"""Where the clone of the tree is, below the root; the command starts there."""


def run(place: Path, command: list[str], *, tree: Path | None = None, binds: list[str] | None = None) -> int:
    """Make the machine at `place`, clone `tree`'s HEAD into it, run `command`; returns its status. All is removed.

    `binds` are texts SOURCE:PLACE of folders of this machine to show in it.
    """
    return play(place, partial(_become, command), tree=tree, binds=binds)


def play(place: Path, act: Callable[[], int], *, tree: Path | None = None, binds: list[str] | None = None) -> int:
    """The same for a function of this program. What it imports must be loaded already: the machine has no Python yet."""
    if os.geteuid() != 0:
        raise LabError("a disposable machine needs root: it makes namespaces")
    place = place.resolve()
    root = place / "root"
    _remove(place)
    group = f"bare-{secrets.token_hex(4)}"
    place.mkdir(parents=True)
    (place / "cgroup").write_text(group)
    try:
        bare.unpack(root, Path(os.environ.get("MERISTEM_CACHE", "/var/cache/meristem")) / "lab")
        bare.copy_settings(root)
        program("git", "clone", "-q", "--no-hardlinks", str(tree or TREE), str(root / HOME))
        pairs = [(path, root / path.relative_to("/")) for path in bare.pip_paths()]
        for text in binds or []:
            source, _, target = text.partition(":")
            pairs.append((Path(source).resolve(), root / target.lstrip("/")))
        cgroups.make(group)
        return _in_child(root, group, pairs, act)
    finally:
        _remove(place)


def _in_child(root: Path, group: str, binds: list[tuple[Path, Path]], act: Callable[[], int]) -> int:
    """Fork the process that enters the new namespaces; its own child is the first process of the machine."""
    sys.stdout.flush()
    outer = os.fork()
    if outer == 0:
        status = 125
        try:
            namespaces.die_with_parent()
            cgroups.join(group)
            kinds = namespaces.NEW_MOUNT | namespaces.NEW_CGROUP | namespaces.NEW_UTS | namespaces.NEW_IPC
            namespaces.leave(kinds | namespaces.NEW_PID)
            first = os.fork()
            if first == 0:
                namespaces.die_with_parent()
                _enter_root(root, binds)
                status = _first_process(act)
            else:
                status = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        except (LabError, OSError) as error:
            print(f"lab: {error}", file=sys.stderr)
        finally:
            os._exit(status if status >= 0 else 128 - status)
    return os.waitstatus_to_exitcode(os.waitpid(outer, 0)[1])


def _enter_root(root: Path, binds: list[tuple[Path, Path]]) -> None:
    """Mount what a machine has, and make the tree the root of this process's mount namespace."""
    program("mount", "--make-rprivate", "/")
    program("mount", "--bind", str(root), str(root))
    program("mount", "-t", "proc", "proc", str(root / "proc"))
    program("mount", "--rbind", "/dev", str(root / "dev"))
    program("mount", "-t", "sysfs", "sysfs", str(root / "sys"))
    cgroups.mount_view(root / "sys/fs/cgroup", cgroups.hierarchies(), unified=True)
    program("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root / "run"))
    program("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(root / "tmp"))
    for source, target in binds:
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        program("mount", "--bind", str(source), str(target))
    old = root / ".old"
    old.mkdir()
    os.chdir(root)
    program("pivot_root", ".", ".old")
    os.chdir("/")
    program("umount", "-l", "/.old")
    os.rmdir("/.old")
    program("hostname", "bare")


def _first_process(act: Callable[[], int]) -> int:
    """Act in a child and reap whatever is orphaned until it ends; the kernel then kills the rest."""
    child = os.fork()
    if child == 0:
        status = 125
        try:
            os.chdir(f"/{HOME}")
            variables = bare.environment()
            os.environ.clear()
            os.environ.update(variables)
            status = act()
        except BaseException as error:
            print(f"lab: {error or type(error).__name__}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            os._exit(status)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _become(command: list[str]) -> int:
    try:
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        print(f"lab: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127


def _remove(place: Path) -> None:
    """Remove a disposable machine by what it wrote down, also one whose maker was killed."""
    if (place / "cgroup").is_file():
        group = (place / "cgroup").read_text()
        cgroups.kill(group, spare=set())
        cgroups.remove(group)
        loops.free(Path("/"), place / "root")
    elif place.exists() and any(place.iterdir()):
        raise LabError(f"{place}: exists and is no disposable machine of ours; choose another place")
    shutil.rmtree(place, ignore_errors=True)
