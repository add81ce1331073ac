"""``python -m tests.paas.platform.load ADDRESS PORT HOST RATE``: plain GETs at a steady rate until standard input ends; then what came of them as JSON.

Requests go out by the clock, whether or not earlier ones were answered; each has a connection of its own from a small pool that is reused.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

SECONDS = 30


class Load:
    """Counts by status; the moments and words of what was not 2xx."""

    def __init__(self, address: str, port: int, host: str) -> None:
        self.address, self.port = address, port
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.statuses: dict[str, int] = {}
        self.bad: list[str] = []
        self.longest = 0.0

    async def one(self) -> None:
        """One GET."""
        begin = time.monotonic()
        try:
            async with asyncio.timeout(SECONDS):
                status, words = await self._ask()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            status, words = 0, f"{type(error).__name__}: {error}"
        self.longest = max(self.longest, time.monotonic() - begin)
        self.statuses[str(status)] = self.statuses.get(str(status), 0) + 1
        if not 200 <= status < 300:
            self.bad.append(f"{time.time():.2f} {status} {words[:200]}")

    async def _ask(self) -> tuple[int, str]:
        # a kept connection may have been closed by the server meanwhile: then it is asked again on a new one
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(self.address, self.port)
        writer.write(self.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(lines[0].split()[1]), body.decode(errors="replace")


async def main(address: str, port: int, host: str, rate: float) -> None:
    """Send until standard input ends."""
    load = Load(address, port, host)
    end = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    tasks: set[asyncio.Task[None]] = set()
    begin, sent = time.monotonic(), 0
    while not end.done():
        wanted = int((time.monotonic() - begin) * rate)
        # after a stall of this process the missed ones are left out: a burst would not be a steady load
        for _ in range(min(wanted - sent, 10)):
            task = asyncio.create_task(load.one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        sent = wanted
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*tasks)
    print(json.dumps({"statuses": load.statuses, "bad": load.bad[:50], "longest": round(load.longest, 2)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
