"""Locks on single objects, over all threads and processes of this host; the kernel drops those of the dead."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cpi.contract import Call, DeadlineExceeded
from cpi.vsphere.config import Config

STRIPES = 4096
"""Names are spread over so many files of a kind, which are then never removed."""
LONGEST_WAIT = 600.0


@contextmanager
def lock(config: Config, call: Call, kind: str, name: str) -> Generator[None]:
    """Hold it. Kinds are always taken in the order vm, disk, stemcell, cluster."""
    folder = Path(tempfile.gettempdir()) / f"meristem-vsphere-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    digest = hashlib.sha256(f"{config.host}\0{config.port}\0{name}".encode()).digest()
    path = folder / f"{kind}-{int.from_bytes(digest[:4]) % STRIPES}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + call.remaining(LONGEST_WAIT)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise DeadlineExceeded(f"another call holds {kind} '{name}'") from None
                time.sleep(0.01)
        call.check()
        yield
    finally:
        os.close(descriptor)
