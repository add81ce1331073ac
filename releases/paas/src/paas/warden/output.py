"""Follows the file that conmon writes a process's output to: ``TIME STREAM F|P TEXT`` a line, P where the line goes on.

The file is replaced by an empty one when it has its size. Who reads slower than the process writes loses the oldest lines, and is told.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from paas.containers.protocol import Batch, Line, Stream
from paas.warden.inotify import DirectoryWatch

READ_BYTES = 64 << 10
LINE_BYTES = 32 << 10
"""A longer line of an app is cut in several."""


class Parser:
    """Takes the file's bytes, gives whole lines; `taken` counts the bytes that need not be read again."""

    def __init__(self) -> None:
        self.taken = 0
        self._rest = b""
        self._parts: dict[Stream, list[str]] = {"OUT": [], "ERR": []}
        self._seen = 0
        self._at = 0

    def end(self) -> list[Line]:
        """What the process wrote last, without ending the line."""
        left = [Line(at=self._at, text="".join(parts), stream=stream) for stream, parts in self._parts.items() if parts]
        self.taken = self._seen
        return left

    def feed(self, data: bytes) -> list[Line]:
        """The lines that are complete with `data`."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        lines: list[Line] = []
        for raw in whole:
            self._seen += len(raw) + 1
            if (line := self._line(raw)) is not None:
                lines.append(line)
            if not any(self._parts.values()):
                self.taken = self._seen
        return lines

    def _line(self, raw: bytes) -> Line | None:
        fields = raw.decode(errors="replace").split(" ", 3)
        if len(fields) < 4 or fields[2] not in ("F", "P") or (at := nanoseconds(fields[0])) is None:
            return None  # the place was not the beginning of a line
        stream: Stream = "ERR" if fields[1] == "stderr" else "OUT"
        self._at = at
        parts = self._parts[stream]
        parts.append(fields[3])
        if fields[2] == "P" and sum(map(len, parts)) < LINE_BYTES:
            return None
        text = "".join(parts)
        parts.clear()
        return Line(at=at, text=text, stream=stream)


def nanoseconds(stamp: str) -> int | None:
    """Since 1970, of ``2026-01-02T03:04:05.123456789+00:00``."""
    second, _, rest = stamp.partition(".")
    digits, sign, zone = (rest.partition("+") if "+" in rest else rest.partition("-")) if rest else ("", "", "")
    base = _second(f"{second}{sign}{zone}")
    if base is None or not (digits.isdigit() or not digits):
        return None
    return base * 1_000_000_000 + int(digits.ljust(9, "0")[:9] or 0)


@lru_cache(64)
def _second(stamp: str) -> int | None:
    try:
        return int(datetime.fromisoformat(stamp).timestamp())
    except ValueError:
        return None


class Follower:
    """Reads the file `path` from `cursor` on, at most `rate` bytes a second (0: no bound), until `ended` and all is read."""

    def __init__(self, path: Path, ended: asyncio.Event, cursor: str, rate: int) -> None:
        self._path = path
        self._ended = ended
        self._rate = rate
        self._file = path.open("rb", buffering=0)
        self._start = self._offset(cursor)
        self._file.seek(self._start)
        self._parser = Parser()
        self._window = time.monotonic()
        self._spent = 0

    def _offset(self, cursor: str) -> int:
        """Where a cursor of an earlier follower points in the file of today."""
        inode, _, offset = cursor.partition(":")
        state = os.fstat(self._file.fileno())
        if not offset.isdigit() or inode != str(state.st_ino):
            return 0
        return int(offset) if int(offset) <= state.st_size else 0

    def _cursor(self) -> str:
        return f"{os.fstat(self._file.fileno()).st_ino}:{self._start + self._parser.taken}"

    async def batches(self) -> AsyncGenerator[Batch]:
        """All that is there, then what comes; the last one has `last`."""
        watch = DirectoryWatch(self._path.parent)
        try:
            while True:
                over = self._ended.is_set()
                watch.changed.clear()
                data = self._file.read(READ_BYTES)
                if data:
                    lines = self._parser.feed(data)
                    passed = await self._hold(len(data))
                    if lines or passed:
                        yield Batch(cursor=self._cursor(), lines=lines, passed_over=passed)
                elif self._replaced():
                    continue
                elif over:
                    yield Batch(lines=self._parser.end(), cursor=self._cursor(), last=True)
                    return
                else:
                    await _first(watch.changed, self._ended)
        finally:
            watch.close()
            self._file.close()

    def _replaced(self) -> bool:
        """Go on with the new file, where there is one."""
        fresh = self._path.open("rb", buffering=0)
        if os.fstat(fresh.fileno()).st_ino == os.fstat(self._file.fileno()).st_ino:
            fresh.close()
            return False
        self._file.close()
        self._file, self._start, self._parser = fresh, 0, Parser()
        return True

    async def _hold(self, size: int) -> int:
        """When more came than may, wait for the second to end and go on with what is new then; bytes that were passed over."""
        if not self._rate:
            return 0
        now = time.monotonic()
        if now - self._window >= 1:
            self._window, self._spent = now, 0
        self._spent += size
        if self._spent <= self._rate:
            return 0
        await asyncio.sleep(self._window + 1 - now)
        before = self._file.tell()
        end = os.fstat(self._file.fileno()).st_size
        # a little is left: a burst's end is worth more than its middle
        target = max(before, end - min(self._rate, READ_BYTES))
        if target == before:
            return 0
        self._file.seek(target)
        self._start, self._parser = target, Parser()
        return target - before


async def _first(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
