"""Requests to VMs from inside the lab's network: one thread of the test process lives there."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lab import namespaces
from lab.house import Lab

T = TypeVar("T")


CONNECT, PATIENCE = 0.5, 10.0
"""Seconds in which a machine that is there takes a connection on, whatever its processes do; in which a process answers that stood still."""


def _get(address: str, port: int, path: str, seconds: float, connect: float | None = None) -> Any:
    connection = http.client.HTTPConnection(address, port, timeout=connect or seconds)
    try:
        connection.connect()
        connection.sock.settimeout(seconds)
        connection.request("GET", path)
        reply = connection.getresponse()
        body = json.loads(reply.read())
        if reply.status != 200:
            raise OSError(f"{address}:{port}{path}: {reply.status} {body}")
        return body
    finally:
        connection.close()


@dataclass
class Watch:
    """For each address, the moments (monotonic) of answers and of failures."""

    answers: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    failures: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    rounds: list[set[str]] = field(default_factory=list[set[str]])
    """For each round, the addresses that answered."""


class Inside:
    """Runs functions in the lab's network namespace."""

    def __init__(self, lab: Lab) -> None:
        netns = Path("/run/netns") / lab.record.netns
        self._enter: Callable[[], None] = lambda: namespaces.enter(netns, namespaces.NEW_NET)
        self._pool = ThreadPoolExecutor(1, initializer=self._enter)

    def close(self) -> None:
        self._pool.shutdown()

    def do(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function there; threads that it starts stay there."""
        return self._pool.submit(function, *arguments).result()

    def get(self, address: str, path: str = "/", port: int = 8080, seconds: float = 30) -> Any:
        """GET as JSON; OSError for anything but 200."""
        return self._pool.submit(_get, address, port, path, seconds).result()

    def watch(self, addresses: list[str], path: str = "/health", port: int = 8080) -> Watching:
        """Ask each address again and again until the `with` ends."""
        return Watching(self._enter, addresses, path, port)


class Watching:
    """A thread that asks; its `Watch` is complete after the `with`."""

    def __init__(self, enter: Callable[[], None], addresses: list[str], path: str, port: int) -> None:
        self.seen = Watch({one: [] for one in addresses}, {one: [] for one in addresses})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(enter, addresses, path, port))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self, enter: Callable[[], None], addresses: list[str], path: str, port: int) -> None:
        enter()
        while not self._stop.is_set():
            answered: set[str] = set()
            for address in addresses:
                try:
                    _get(address, port, path, PATIENCE, CONNECT)
                except (OSError, http.client.HTTPException, ValueError):
                    self.seen.failures[address].append(time.monotonic())
                else:
                    self.seen.answers[address].append(time.monotonic())
                    answered.add(address)
            self.seen.rounds.append(answered)
            self._stop.wait(0.1)
