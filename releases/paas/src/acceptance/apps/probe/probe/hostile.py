"""What an app might do to its neighbours; each answers how far it came."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time

CHUNK = 1 << 20


def forks(_: dict[str, str]) -> int:
    """Processes that could be started at once, of 2,000 tried."""
    children = []
    try:
        for _number in range(2000):
            children.append(subprocess.Popen(["sleep", "30"]))
    except OSError:
        pass
    for child in children:
        child.kill()
        child.wait()
    return len(children)


def memory(query: dict[str, str]) -> int:
    """Megabytes that could be taken, of ``mb`` tried; a container that has less is ended before the answer."""
    taken = []
    for _number in range(int(query["mb"])):
        taken.append(bytearray(os.urandom(1) * CHUNK))
    return len(taken)


def disk(query: dict[str, str]) -> int:
    """Megabytes that could be written, of ``mb`` tried."""
    written = 0
    path = os.path.expanduser("~/filler")
    try:
        with open(path, "wb", buffering=0) as file:
            for _number in range(int(query["mb"])):
                written += file.write(b"\1" * CHUNK) // CHUNK
    except OSError:
        pass
    finally:
        os.unlink(path)
    return written


def cpu(query: dict[str, str]) -> float:
    """Processor seconds that two busy processes had in ``seconds``."""
    seconds = float(query.get("seconds", "3"))
    loop = f"import time\nend = time.monotonic() + {seconds:f}\nwhile time.monotonic() < end: pass\nprint(time.process_time())"
    busy = [subprocess.Popen(["python3", "-c", loop], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(one.communicate()[0]) for one in busy)


def reach(query: dict[str, str]) -> str:
    """``open`` if a connection to ``host`` and ``port`` is taken, ``itself`` for this container's own address, else what went wrong."""
    if query["host"] == os.environ.get("CF_INSTANCE_INTERNAL_IP"):
        return "itself"
    begin = time.monotonic()
    try:
        with socket.create_connection((query["host"], int(query["port"])), timeout=5):
            return "open"
    except OSError as error:
        return f"{type(error).__name__} after {time.monotonic() - begin:.1f} s"


def become_root(_: dict[str, str]) -> str:
    """What user this is, after having tried to be another one."""
    with contextlib.suppress(OSError):
        os.setuid(0)
    return f"{os.getuid()}"


TRIES = {"forks": forks, "memory": memory, "disk": disk, "cpu": cpu, "reach": reach, "root": become_root}
