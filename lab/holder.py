"""The process that keeps a lab's namespaces, and the libvirtd in them: `python -m lab.holder DIRECTORY`.

It joins the lab's cgroups, enters its network namespace, makes a private mount and a new cgroup namespace, starts
libvirtd there on directories of its own, then leaves a small sleeper behind and prints that one's pid.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab import cgroups, namespaces
from lab.errors import LabError
from lab.programs import program
from lab.record import LabRecord, load

OWN_DIRECTORIES = {
    "etc": "/etc/libvirt",
    "run": "/run/libvirt",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
"""Name below the lab's directory, and the place in its mount namespace."""

LIBVIRTD_CONF = """\
listen_tls = 0
listen_tcp = 0
unix_sock_group = "root"
auth_unix_ro = "none"
auth_unix_rw = "none"
max_clients = 200
max_workers = 20
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""


QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
stdio_handler = "file"
namespaces = []
"""
"""For virtual machines in a lab: no user of the machine's, no change of owners, no log daemon, no device namespace."""


def write_configuration(record: LabRecord) -> None:
    """libvirt's own directories below the lab's directory, with nothing of the machine's in them."""
    top = Path(record.directory)
    for name in OWN_DIRECTORIES:
        (top / name).mkdir(parents=True, exist_ok=True)
    # libvirt keeps the MAC addresses of a network there, and expects its package to have made the folder.
    (top / "lib" / "dnsmasq").mkdir(exist_ok=True)
    (top / "etc" / "libvirtd.conf").write_text(LIBVIRTD_CONF)
    (top / "etc" / "qemu.conf").write_text(QEMU_CONF)
    (top / "etc" / "lxc.conf").write_text('security_driver = "none"\n')


def enter_new_namespaces(record: LabRecord) -> None:
    """Move this process into the lab: afterwards every mount is the lab's own and the network is its namespace."""
    cgroups.join(record.cgroup)
    namespaces.enter(Path("/run/netns") / record.netns, namespaces.NEW_NET)
    namespaces.leave(namespaces.NEW_MOUNT | namespaces.NEW_CGROUP)
    program("mount", "--make-rprivate", "/")
    program("ip", "link", "set", "lo", "up")
    before = cgroups.hierarchies()
    program("umount", "-R", "-l", str(cgroups.ROOT))
    program("mount", "-t", "sysfs", "sysfs", "/sys")
    cgroups.mount_view(cgroups.ROOT, before, unified=False)
    for name, place in OWN_DIRECTORIES.items():
        Path(place).mkdir(parents=True, exist_ok=True)
        program("mount", "--bind", str(Path(record.directory) / name), place)


def start_libvirtd() -> None:
    """Start the daemon; it answers on its socket when this returns."""
    program("libvirtd", "--daemon", "--pid-file", "/run/libvirt/libvirtd.pid")


def leave_sleeper() -> int:
    """Fork the process that keeps the namespaces alive; returns its pid."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.execvp("sleep", ["sleep", "infinity"])  # noqa: S606 (no shell is wanted)
    return pid


def main(directory: str) -> int:
    """Print the sleeper's pid, or one line of error."""
    record = load(Path(directory))
    try:
        if record is None:
            raise LabError(f"{directory}: no lab record")
        write_configuration(record)
        enter_new_namespaces(record)
        start_libvirtd()
        print(leave_sleeper(), flush=True)
    except (LabError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
