"""A network of the test's own: this thread, and all it starts, is in a fresh network namespace for as long as the block."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
INSIDE = "10.99.0.1"
OUTSIDE = "10.99.0.2"
_c = ctypes.CDLL(None, use_errno=True)


@contextmanager
def own_network() -> Iterator[list[str]]:
    """This thread is at INSIDE of an uplink; at OUTSIDE is another network, the words given run a command there. Needs root."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    outside = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
    try:
        assert outside.stdout is not None
        outside.stdout.readline()
        _checked(_c.unshare(CLONE_NEWNET))
        _ip(
            f"link set lo up\nlink add up0 type veth peer name eth0 netns {outside.pid}\n"
            f"addr add {INSIDE}/24 dev up0\nlink set up0 up\n"
        )
        there = ["nsenter", "-t", str(outside.pid), "-n"]
        _ip(f"link set lo up\naddr add {OUTSIDE}/24 dev eth0\nlink set eth0 up\n", there)
        yield there
    finally:
        _checked(_c.setns(before, CLONE_NEWNET))
        os.close(before)
        outside.kill()
        outside.wait()


@contextmanager
def network_of(pid: int) -> Iterator[None]:
    """This thread, and all it starts, is in the network of another process for as long as the block."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        _checked(_c.setns(there, CLONE_NEWNET))
        yield
    finally:
        _checked(_c.setns(before, CLONE_NEWNET))
        os.close(before)
        os.close(there)


def _ip(commands: str, where: list[str] | None = None) -> None:
    subprocess.run([*(where or []), "ip", "-batch", "-"], input=commands, text=True, check=True)


def _checked(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
