"""The demo's processes: the director inside the lab, forwarders on 127.0.0.1, the CLI."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from lab.demo.record import TREE, Record
from lab.demo.site import API_PORT
from lab.errors import LabError
from lab.house import Lab

START_SECONDS = 60


def tree_mark() -> str:
    """Changes whenever the director's code does: the newest time of its files."""
    files = (path for room in ("director", "cpi", "meristem") for path in (TREE / room).rglob("*.[pr][yb]"))
    return str(max(path.stat().st_mtime_ns for path in files))


def start_director(record: Record, lab: Lab, config: Path) -> None:
    """Start it inside the lab, detached, unless it runs with this very code; wait until it answers."""
    mark = tree_mark()
    if record.alive("director") and record.tree == mark:
        return
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


def forward(record: Record, lab: Lab, name: str, port: int, host: str, inside: int) -> int:
    """A port of 127.0.0.1 that leads to a server inside; ``port`` if it is free, else any. Kept from an earlier run if it leads there."""
    key = f"forward-{name}"
    target = f"{host}:{inside}"
    if record.alive(key) and record.ports.get(f"{name} {target}"):
        return record.ports[f"{name} {target}"]
    record.end(key)
    wanted = port if is_free(port) else 0
    # the forwarder ends with its standard input: it holds both ends of this pipe itself
    fifo = record.directory / f"{key}.fifo"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(fifo, 0o600)
    held = os.open(fifo, os.O_RDWR)
    log = (record.directory / f"{key}.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.forward", lab.record.directory, f"{wanted}:{target}"],
        cwd=TREE,
        stdin=held,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    os.close(held)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise LabError(
            f"the forwarder to {target} did not start: {(record.directory / f'{key}.log').read_text().strip()}"
        )
    (found,) = json.loads(line)
    record.keep(key, process)
    record.ports = {one: number for one, number in record.ports.items() if not one.startswith(f"{name} ")}
    record.ports[f"{name} {target}"] = found
    record.save()
    return found


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


def ca_file(record: Record) -> Path:
    """The CA by which the API is checked."""
    return record.directory / "certificates" / "api" / "ca.pem"


def environment(record: Record, port: int) -> dict[str, str]:
    """The variables that lead the CLI (and the public one) to this director."""
    return {
        "BOSH_ENVIRONMENT": f"https://127.0.0.1:{port}",
        "BOSH_CA_CERT": str(ca_file(record)),
        "BOSH_CLIENT": "admin",
        "BOSH_CLIENT_SECRET": (record.directory / "password").read_text().strip(),
    }


def cli(record: Record, *arguments: str, show: bool = True) -> str:
    """Run ``meristem``; LabError with its words when it fails."""
    port = record.ports[f"api {record_address(record)}"]
    variables = {**os.environ, **environment(record, port), "BOSH_NON_INTERACTIVE": "true"}
    command = [str(Path(sys.executable).with_name("meristem")), *arguments]
    if show:
        print(f"\n$ meristem {' '.join(arguments)}", flush=True)
        done = subprocess.run(command, env=variables, cwd=TREE, check=False, text=True)
        out = ""
    else:
        done = subprocess.run(command, env=variables, cwd=TREE, check=False, text=True, capture_output=True)
        out = done.stdout
    if done.returncode != 0:
        words = "" if show else f": {(done.stderr or done.stdout).strip()}"
        raise LabError(f"meristem {' '.join(arguments)} ended with {done.returncode}{words}")
    return out


def record_address(record: Record) -> str:
    """The API's address inside the lab, as the forwarder was told."""
    return next(name.partition(" ")[2] for name in record.ports if name.startswith("api ")) or f":{API_PORT}"
