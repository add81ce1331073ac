"""A word to the agents' process that VMs came or went: one datagram, so that nobody has to look again and again."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SOCKET = "agents.sock"


@contextmanager
def _short(state_dir: Path) -> Generator[str]:
    """The socket's path by way of an open directory: a socket's own path may have 108 characters at most."""
    directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{SOCKET}"
    finally:
        os.close(directory)


def send(state_dir: Path) -> None:
    """Tell it, if it listens."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with _short(state_dir) as path:
            sender.sendto(b"changed", path)


def listen(state_dir: Path) -> socket.socket:
    """The socket to hear it on. The caller holds the lock that makes it the only one."""
    (state_dir / SOCKET).unlink(missing_ok=True)
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.setblocking(False)
    with _short(state_dir) as path:
        heard.bind(path)
    return heard
