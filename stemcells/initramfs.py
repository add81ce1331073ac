"""The first file system of a machine: a shell, the modules that reach the root, and a script that goes there.

It is made of the tree's own files, without running any of them: an archive in cpio's "newc" form (cpio(5)), gzipped.
"""

from __future__ import annotations

import gzip
import stat
from collections.abc import Iterable
from pathlib import Path

from stemcells.recipe import RecipeError

ROOT_LABEL = "meristem-root"
"""Label of the root file system, by which script and boot loader find it."""

SCRIPT = f"""#!/bin/busybox sh
# Loads the modules in their order, waits for the root, goes there.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read -r name; do $b insmod "/modules/$name" 2>/dev/null; done </modules/order
tries=0
while :; do
    root=$($b findfs LABEL={ROOT_LABEL} 2>/dev/null) && break
    tries=$((tries + 1))
    [ $tries -lt 300 ] || {{ echo "no file system {ROOT_LABEL} within 30 s; block devices:"; $b ls /sys/class/block; exec $b sh; }}
    $b sleep 0.1
done
$b mount -t ext4 "$root" /root || exec $b sh
$b umount /sys
$b umount /proc
$b mount -o move /dev /root/dev
exec $b switch_root /root /sbin/init
"""


def make(root: Path, modules: list[str], level: int) -> bytes:
    """The archive for the only kernel in the tree `root`; RecipeError names what is not there."""
    versions = sorted((root / "lib/modules").iterdir()) if (root / "lib/modules").is_dir() else []
    if len(versions) != 1:
        raise RecipeError(f"{root}: wanted one kernel's modules, found {len(versions)}; see packages of [machine]")
    files = in_order(versions[0], modules)
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "modules", "proc", "root", "sys")]
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, (root / "bin/busybox").read_bytes()))
    entries.append(("init", stat.S_IFREG | 0o755, SCRIPT.encode()))
    entries.append(("modules/order", stat.S_IFREG | 0o644, "".join(f"{file.name}\n" for file in files).encode()))
    entries += [(f"modules/{file.name}", stat.S_IFREG | 0o644, file.read_bytes()) for file in files]
    return gzip.compress(archive(entries), level, mtime=0)


def in_order(place: Path, modules: list[str]) -> list[Path]:
    """Files of the modules and of all they need, each after what it needs (modules.dep(5)). One built into the kernel has none."""
    needs: dict[str, list[str]] = {}
    for line in (place / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[name] = rest.split()
    by_name = {_name(path): path for path in needs}
    built_in = {_name(line) for line in (place / "modules.builtin").read_text().splitlines()}
    order: list[str] = []
    for module in modules:
        path = by_name.get(module)
        if path is None:
            if module not in built_in:
                raise RecipeError(f"{place.name}: the kernel has no module {module!r}; see modules of [machine]")
            continue
        order += [one for one in [*reversed(needs[path]), path] if one not in order]
    return [place / path for path in order]


def archive(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive of (path, mode, data), all root's and without a time."""
    parts: list[bytes] = []
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]
    return b"".join(parts)


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
