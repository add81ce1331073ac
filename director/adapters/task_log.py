"""`TaskLog` over the store, with a short write-behind so that a line costs nothing where it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from director.model.errors import LeaseLost, StoreAway
from director.model.events import Progress
from director.ports.clock import Clock
from director.ports.store import Lease, Store

DELAY = 0.05


class StoreTaskLog:
    """Lines wait up to ``delay`` seconds, then go out together, in order. Use it on one event loop."""

    def __init__(self, store: Store, task_id: int, clock: Clock, *, delay: float = DELAY) -> None:
        self._store = store
        self._task_id = task_id
        self._clock = clock
        self._delay = delay
        self._waiting: list[tuple[str, str]] = []
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._lease: Callable[[], Lease] | None = None

    @property
    def task_id(self) -> int:
        return self._task_id

    def bind(self, lease: Callable[[], Lease]) -> None:
        self._lease = lease

    def progress(self, entry: Progress) -> None:
        line = msgspec.to_builtins(entry)
        if not entry.data:
            del line["data"]
        self._event(line)

    def warning(self, message: str, *, deprecation: bool = False) -> None:
        self._event({"time": self._time(), "type": "deprecation" if deprecation else "warning", "message": message})

    def failure(self, code: int, message: str) -> None:
        self._event({"time": self._time(), "error": {"code": code, "message": message}})

    def debug(self, line: str) -> None:
        self._stamped("debug", line)

    def cpi(self, line: str) -> None:
        self._stamped("cpi", line)

    def result(self, value: Any) -> None:
        self._add("result", msgspec.json.encode(value).decode() + "\n")

    async def flush(self) -> None:
        """Returns when all told so far is durable; raises what the store raises, and then keeps the lines (but for a lost lease)."""
        async with self._writing:
            while self._waiting:
                lines, self._waiting = self._waiting, []
                # each kind is an output of its own: their lines need no order among each other
                unwritten = dict.fromkeys(kind for kind, _ in lines)
                try:
                    for kind in list(unwritten):
                        lease = self._lease() if self._lease is not None else None
                        text = "".join(text for its_kind, text in lines if its_kind == kind)
                        await self._store.append_output(self._task_id, kind, text, lease=lease)
                        del unwritten[kind]
                except StoreAway:
                    raise
                except LeaseLost:
                    unwritten.clear()
                    self._waiting.clear()
                    raise
                finally:
                    self._waiting = [line for line in lines if line[0] in unwritten] + self._waiting

    def _time(self) -> int:
        return int(self._clock.now())

    def _event(self, line: dict[str, Any]) -> None:
        self._add("event", msgspec.json.encode(line).decode() + "\n")

    def _stamped(self, kind: str, line: str) -> None:
        stamp = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._add(kind, f"{stamp} {line.rstrip()}\n")

    def _add(self, kind: str, text: str) -> None:
        self._waiting.append((kind, text))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_soon())
            self._writer.add_done_callback(_looked_at)

    async def _write_soon(self) -> None:
        await asyncio.sleep(self._delay)
        await self.flush()


def _looked_at(writer: asyncio.Task[None]) -> None:
    """A failed write keeps its lines; the next one, or `flush` at the latest, tries again and raises."""
    if not writer.cancelled():
        writer.exception()
