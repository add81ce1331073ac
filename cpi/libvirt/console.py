"""What a guest writes to its console, kept in a file from its start: nobody who looks has to wait for a line."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import libvirt

from cpi.contract import Call

KEPT = 256 * 1024
"""Bytes of one start that are kept, from its beginning: a boot writes some ten thousand."""
COPY = ["dd", "bs=4096", "status=none"]
"""Writes what it has read at once, as `head` does not. Its own count is of reads, however short; the file's size is limited instead."""


def keep(call: Call, started: libvirt.virDomain, folder: Path) -> None:
    """Copy the console of a guest just started to the VM's folder, by a process that ends with the guest. Never an error."""
    try:
        tty = _tty(started)
        if tty is None:
            return
        source = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            with open(os.open(folder / "console", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                copying = subprocess.Popen(
                    COPY,
                    stdin=source,
                    stdout=file,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                resource.prlimit(copying.pid, resource.RLIMIT_FSIZE, (KEPT, KEPT))
        finally:
            os.close(source)
    except (OSError, libvirt.libvirtError) as error:
        call.log(f"the console of VM '{started.name()}' is not kept: {error}")


def end(folder: Path, size: int) -> str:
    """The last `size` bytes of what was kept."""
    try:
        with (folder / "console").open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""


def _tty(started: libvirt.virDomain) -> str | None:
    found = ElementTree.fromstring(started.XMLDesc(0)).find("./devices/console")  # noqa: S314 - libvirt's own answer
    return None if found is None else found.get("tty")
