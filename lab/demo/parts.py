"""The demo's processes: the director inside the lab, and forwarders on 127.0.0.1."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from lab.demo.command import ca_file
from lab.demo.record import TREE, Record
from lab.errors import LabError
from lab.house import Lab

START_SECONDS = 60


def tree_mark() -> str:
    """Changes whenever the director's code does: where it is and the newest time of its files."""
    files = (path for room in ("director", "cpi", "meristem") for path in (TREE / room).rglob("*.[pr][yb]"))
    return f"{TREE} {max(path.stat().st_mtime_ns for path in files)}"


def start_director(record: Record, lab: Lab, config: Path) -> bool:
    """Start it inside the lab, detached, unless it runs with this very code and configuration; whether it was started."""
    mark = f"{tree_mark()} {hashlib.sha256(config.read_bytes()).hexdigest()[:16]}"
    if record.alive("director") and record.tree == mark:
        return False
    record.end("director")
    log = (record.directory / "director.log").open("ab")
    process = subprocess.Popen(
        lab.command([sys.executable, "-m", "director.main", "--config", str(config)]),
        cwd=TREE,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    record.keep("director", process)
    record.tree = mark
    record.save()
    return True


def forward(record: Record, lab: Lab, name: str, port: int, host: str, inside: int) -> int:
    """A port of 127.0.0.1 that leads to a server inside; ``port`` if it is free, else any. Kept from an earlier run if it leads there."""
    key = f"forward-{name}"
    target = f"{host}:{inside}"
    if record.alive(key) and record.ports.get(f"{name} {target}"):
        return record.ports[f"{name} {target}"]
    record.end(key)
    found = _start_forwarder(record, lab, key, f"{port if is_free(port) else 0}:{target}")
    record.ports = {one: number for one, number in record.ports.items() if not one.startswith(f"{name} ")}
    record.ports[f"{name} {target}"] = found
    record.save()
    return found


def _start_forwarder(record: Record, lab: Lab, key: str, pair: str) -> int:
    # the forwarder ends with its standard input: it holds both ends of this pipe itself
    fifo = record.directory / f"{key}.fifo"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(fifo, 0o600)
    held = os.open(fifo, os.O_RDWR)
    words = record.directory / f"{key}.log"
    with words.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.forward", lab.record.directory, pair],
            cwd=TREE,
            stdin=held,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    record.keep(key, process)
    os.close(held)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise LabError(f"the forwarder {pair} did not start: {words.read_text().strip()}")
    (found,) = json.loads(line)
    return int(found)


def is_free(port: int) -> bool:
    """Whether 127.0.0.1:port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def await_api(record: Record, port: int) -> None:
    """Until GET /info answers through the forwarder; the director's last words when it does not."""
    context = ssl.create_default_context(cafile=str(ca_file(record)))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not record.alive("director"):
            break
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
        try:
            connection.request("GET", "/info")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    log = (record.directory / "director.log").read_text(errors="replace").splitlines()[-5:]
    raise LabError("the director did not start:\n" + "\n".join(log))
