"""Requests to a director at a steady rate, in a process of its own: ``python -m bench.caller < JSON``.

A request goes out when its time has come, whether the one before was answered or not, so that a director that stalls is seen by all that
call meanwhile. Connections are kept open, as the public CLI keeps them within a command; each twentieth request opens a new one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import time
from collections import defaultdict
from typing import Any

PATIENCE = 30.0


class Caller:
    """Sends requests and notes how long each took, in milliseconds, by name."""

    def __init__(self, port: int, ca: str, user: str, password: str) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=ca)
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took: dict[str, list[float]] = defaultdict(list)
        self.slow: list[tuple[float, float, str]] = []
        self.failed: list[str] = []
        self._followed: dict[str, int] = defaultdict(int)

    async def call(self, name: str, path: str, *, fresh: bool, range_: str) -> None:
        """One request; its time is from the moment it was due until the last byte."""
        began, epoch = time.perf_counter(), time.time()
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    kept = None if fresh or not self._idle else self._idle.pop()
                    reader, writer = kept or await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context)
                    try:
                        status = await self._exchange(reader, writer, path, range_)
                        break
                    except (OSError, asyncio.IncompleteReadError):
                        if kept is None:
                            raise
                        writer.close()  # the director had closed it for being idle: as all clients do, try another one
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.failed.append(f"{path}: {type(error).__name__} {error}")
            return
        took = (time.perf_counter() - began) * 1000
        self.took[name].append(took)
        self.slow.append((round(took, 1), round(epoch, 2), name))
        self._idle.append((reader, writer))
        if status not in (200, 204, 206, 416):
            self.failed.append(f"{path}: {status}")

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, range_: str
    ) -> int:
        if range_ == "follow":
            range_ = f"bytes={self._followed[path]}-"
        span = f"Range: {range_}\r\n" if range_ else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: director\r\nAuthorization: {self._authorization}\r\n{span}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(
            (int(line.partition(":")[2]) for line in head.splitlines() if line.startswith("content-length:")), 0
        )
        await reader.readexactly(length)
        status = int(head.split(" ", 2)[1])
        if status == 206:
            span = next(line for line in head.splitlines() if line.startswith("content-range:"))
            self._followed[path] = max(
                self._followed[path], int(span.partition("-")[2].partition("-")[2].partition("/")[0]) + 1
            )
        return status


async def run(given: dict[str, Any]) -> dict[str, Any]:
    """Call for ``seconds``, ``rate`` times a second, the ``paths`` (name, path, range) in turn."""
    caller = Caller(given["port"], given["ca"], given["user"], given["password"])
    calls: list[asyncio.Task[None]] = []
    began = time.perf_counter()
    for number in range(
        round(given["seconds"] * given["rate"])
    ):  # all of them, also when this process stood still for a moment
        name, path, range_ = given["paths"][number % len(given["paths"])]
        calls.append(asyncio.ensure_future(caller.call(name, path, fresh=number % 20 == 19, range_=range_)))
        await asyncio.sleep(max(0.0, began + (number + 1) / given["rate"] - time.perf_counter()))
    await asyncio.gather(*calls)
    return {"took": caller.took, "failed": caller.failed, "slow": sorted(caller.slow, reverse=True)[:12]}


def main() -> None:
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
