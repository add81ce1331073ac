"""A cloud image such as distributions publish it: Debian's packages with cloud-init on a disk, and nothing of this tree."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from stemcells import disk, tree
from stemcells.build import default_cache
from stemcells.recipe import load

GIVEN = "MERISTEM_STOCK_IMAGE"
"""Environment variable with the path of a published image (qcow2, raw) that holds monit, to be tried in place of the one made here."""
PACKAGES = [
    "apt", "busybox-static", "ca-certificates", "cloud-guest-utils", "cloud-init", "dbus", "e2fsprogs", "fdisk", "iproute2", "kmod",
    "linux-image-cloud-amd64", "monit", "netbase", "netplan.io", "openssh-server", "procps", "python3", "sudo", "systemd",
    "systemd-resolved", "systemd-sysv", "systemd-timesyncd", "udev",
]  # fmt: skip
"""Those of Debian's genericcloud that take part in a boot, and monit."""


def image(folder: Path) -> Path:
    """The disk, in `folder` or where the environment says. Its tree is made once, and kept with those of recipes."""
    if given := os.environ.get(GIVEN):
        return Path(given)
    machine = load("debian-12", machine=True)
    recipe = replace(machine, customize=Path(__file__).with_name("stock_image.sh"), machine=None)
    cache = default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = tree.make(recipe, PACKAGES, cache, print)
        with tempfile.TemporaryDirectory(prefix="work-", dir=cache) as work:
            root = Path(work) / "root"
            root.mkdir()
            unpack = [
                "tar",
                "-xzf",
                made.archive,
                "--ignore-zeros",
                "--numeric-owner",
                "--xattrs",
                "--xattrs-include=*",
                "-p",
                "-C",
                root,
            ]
            subprocess.run(unpack, check=False, capture_output=True)
            disk.make(root, machine.machine, machine.compression, folder / "cloud.qcow2")
    return folder / "cloud.qcow2"
