"""Requests per second through the PaaS's router over those through a plain nginx: the same backends, the same client, in turn.

The plain one does what a proxy must: it passes to a fixed list of backends over kept connections and adds X-Forwarded headers. What the
router does more (looking a host up, choosing, marking, request ids, cookies, lines in the apps' logs) is what the ratio tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError

import msgspec
import nats
from paas.bus.client import BusConfig
from paas.messages.router import Register
from paas.router.config import Config, Nginx
from paas.router.nginx.render import write_files

from bench.stage import BenchError
from lab.ports import free_port

BACKENDS = 3
CONNECTIONS = 64
ROUNDS = 30
SECONDS = 1
"""Many short rounds: what else the machine does then meets both of a pair alike."""
HOST = "app.example.com"
START = 30.0

TEMPORARY = " ".join(f"{name}_temp_path {{directory}}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
HTTP = f"access_log off; client_body_temp_path {{directory}}/body; {TEMPORARY} keepalive_requests 1000000;"
MAIN = (
    "daemon off; worker_processes {workers}; pid {directory}/pid; error_log stderr crit; "
    "events {{ worker_connections 4096; }} http {{ " + HTTP + " {server} }}"
)
ANSWER = "server {{ {listen} location / {{ return 200 'an answer of an app, about as long as a short one'; }} }}"
PLAIN = (
    "upstream apps {{ {servers} keepalive 100; keepalive_requests 1000000; }} "
    "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://apps; proxy_http_version 1.1; "
    "proxy_buffering off; proxy_request_buffering off; proxy_set_header Connection ''; proxy_set_header Host $http_host; "
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; }} }}"
)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """``ratio``: router over plain, the median of those of all rounds, ``ratios`` each; ``router`` and ``plain``: medians in requests per
    second, with the ``p99`` of the answers' times in ms and the ``processor`` time of nginx per request in microseconds; ``failed``: answers
    that were not 200."""
    with TemporaryDirectory(prefix="bench-") as scratch:
        directory = Path(scratch)
        ports = [free_port() for _ in range(BACKENDS)]
        listen = "".join(f"listen 127.0.0.1:{port};" for port in ports)
        servers = "".join(f"server 127.0.0.1:{port};" for port in ports)
        plain = free_port()
        with (
            _nginx(directory / "backends", 1, ANSWER.format(listen=listen)),
            _nginx(directory / "plain", 2, PLAIN.format(servers=servers, port=plain)) as master,
            _router(directory / "r", ports) as (port, router),
        ):
            _wait(plain)
            return _rounds({"router": (port, router), "plain": (plain, master)}, 1 if quick else ROUNDS)


def _rounds(proxies: dict[str, tuple[int, int]], rounds: int) -> dict[str, Any]:
    """`proxies`: port and nginx's pid by name."""
    found: dict[str, list[tuple[float, float, int]]] = {"router": [], "plain": []}
    spent = dict.fromkeys(found, 0.0)
    for number in range(rounds):
        # who is first has the machine as the one before has left it
        for name in ("router", "plain") if number % 2 else ("plain", "router"):
            port, master = proxies[name]
            before = _processor(master)
            found[name].append(_wrk(port, SECONDS))
            spent[name] += _processor(master) - before
    ratios = [mine[0] / other[0] for mine, other in zip(found["router"], found["plain"], strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(one, 3) for one in ratios],
        **{
            name: {
                "per_second": round(statistics.median(one[0] for one in runs)),
                "p99": round(statistics.median(one[1] for one in runs), 2),
                "processor": round(1e6 * spent[name] / sum(one[0] * SECONDS for one in runs), 1),
            }
            for name, runs in found.items()
        },
        "failed": sum(one[2] for runs in found.values() for one in runs),
        "connections": CONNECTIONS,
    }


def _wrk(port: int, seconds: int) -> tuple[float, float, int]:
    """Requests per second, the 99th percentile in ms, and failed ones."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", "-H", f"Host: {HOST}"]
    try:
        said = subprocess.run([*words, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise BenchError("wrk is not installed; bin/setup installs it") from None
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or late is None:
        raise BenchError(f"wrk said: {said}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    failed = int(bad[1]) if bad else 0
    failed += sum(int(one) for one in errors.groups()) if errors else 0
    return float(rate[1]), float(late[1]) * {"us": 0.001, "ms": 1, "s": 1000}[late[2]], failed


@contextmanager
def _nginx(directory: Path, workers: int, server: str) -> Generator[int]:
    directory.mkdir()
    conf = directory / "nginx.conf"
    conf.write_text(MAIN.format(workers=workers, directory=directory, server=server))
    with _process(["nginx", "-c", str(conf), "-p", str(directory), "-e", "stderr"]) as pid:
        yield pid


@contextmanager
def _router(directory: Path, backends: list[int]) -> Generator[tuple[int, int]]:
    """The router with its locator and a bus, told of the backends; its port and nginx's pid."""
    directory.mkdir()
    bus = free_port()
    config = Config(
        nats=BusConfig(servers=[f"nats://127.0.0.1:{bus}"]),
        socket=str(directory / "l.sock"),
        interval=0,
        nginx=Nginx(
            directory=str(directory / "nginx"),
            user="" if os.geteuid() else "root root",
            host="127.0.0.1",
            port=free_port(),
            health_port=free_port(),
            workers="2",
            connections=4096,
        ),
    )
    (directory / "router.json").write_bytes(msgspec.json.encode(config))
    conf = write_files(config)
    with (
        _process(["nats-server", "-a", "127.0.0.1", "-p", str(bus)]),
        _process([sys.executable, "-m", "paas.router", "--config", str(directory / "router.json")]),
        _process(["nginx", "-c", str(conf), "-p", str(directory), "-e", "stderr"]) as pid,
    ):
        asyncio.run(_register(config, backends))
        yield config.nginx.port, pid


async def _register(config: Config, backends: list[int]) -> None:
    """As a DEA would; until the router has heard it."""

    async def not_there_yet(_: Exception) -> None:
        pass

    bus = await nats.connect(
        config.nats.servers, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=not_there_yet
    )
    try:
        deadline = time.monotonic() + START
        while True:
            for number, port in enumerate(backends):
                app = {"app": "5f0c4a52-0000-4000-8000-000000000000", "private_instance_index": str(number)}
                message = Register(host="127.0.0.1", port=port, uris=[HOST], private_instance_id=f"i-{number}", **app)
                await bus.publish("router.register", msgspec.json.encode(message))
            await bus.flush()
            if await asyncio.to_thread(_answers, config.nginx.port):
                return
            if time.monotonic() > deadline:
                raise BenchError("the router does not know the backends that were registered")
            await asyncio.sleep(0.2)
    finally:
        await bus.close()


def _wait(port: int) -> None:
    deadline = time.monotonic() + START
    while not _answers(port):
        if time.monotonic() > deadline:
            raise BenchError(f"nobody answers on port {port}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": HOST})
    with contextlib.suppress(URLError, OSError), urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status == 200
    return False


@contextmanager
def _process(words: list[str]) -> Generator[int]:
    try:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise BenchError(f"{words[0]} is not installed; bin/setup installs it") from None
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(START)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _processor(master: int) -> float:
    """Seconds of processor time of nginx's workers."""
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in workers)
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")
