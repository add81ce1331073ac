"""Ports of 127.0.0.1 for servers of tests and measurements."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

COUNT = 12_000
"""Ports below the first that the kernel gives to connections: no connection of anybody's can be given one of these."""

_taken: set[int] = set()
_locks: list[int] = []


def free_port() -> int:
    """A port that nobody listens on, and that no other process is given here until this one has ended: also while its server is started, or away."""
    for port in _choices():
        if port not in _taken and _reserved(port) and _is_free(port):
            _taken.add(port)
            return port
    raise OSError(f"of the {COUNT} ports below {_first_of_connections()} none is free; end what listens on them")


def _choices() -> Iterator[int]:
    first = max(1024, _first_of_connections() - COUNT)
    begin = secrets.randbelow(COUNT)
    return (first + (begin + step) % COUNT for step in range(COUNT))


def _first_of_connections() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def _reserved(port: int) -> bool:
    """One byte of a common file for each port, locked: the kernel lets go of it when the process ends, however it does."""
    if not _locks:
        place = Path(tempfile.gettempdir(), f"meristem-ports-{os.getuid()}")
        _locks.append(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        fcntl.lockf(_locks[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
