"""Wake-ups between directors by NOTIFY and LISTEN: never the truth, so one that is lost costs a slow poll and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, func, select

CHANNEL = "meristem"
RETRY = 0.5
PAYLOAD = 7000  # bytes; the server's own limit is 8000


def notify(connection: Connection, origin: str, topics: Iterable[str]) -> None:
    """Tell the other directors, if and when this transaction commits."""
    for payload in payloads(origin, topics):
        connection.execute(select(func.pg_notify(CHANNEL, payload)))


def payloads(origin: str, topics: Iterable[str]) -> list[str]:
    """The origin's line and then one per topic, in as few payloads as hold them."""
    found: list[str] = []
    lines = ""
    for topic in sorted(topics):
        if lines and len((lines + topic).encode()) > PAYLOAD:
            found.append(origin + lines)
            lines = ""
        lines += "\n" + topic
    return [*found, origin + lines] if lines else found


class Listening:
    """A connection that only listens. ``tell`` gets topics of other directors; ``tell_all`` is called after each break, in which wake-ups
    may have been missed."""

    def __init__(
        self,
        arguments: dict[str, Any],
        origin: str,
        tell: Callable[[Iterable[str]], None],
        tell_all: Callable[[], None],
    ) -> None:
        self._arguments = arguments
        self._origin = origin
        self._tell = tell
        self._tell_all = tell_all
        self._listening = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name="store-listening")

    async def started(self) -> None:
        """Returns once it listens for the first time."""
        await self._listening.wait()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        import psycopg

        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                await self._listen()
            await asyncio.sleep(RETRY)

    async def _listen(self) -> None:
        import psycopg

        connection = await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            if self._listening.is_set():
                self._tell_all()
            self._listening.set()
            async for one in connection.notifies():
                origin, *topics = one.payload.split("\n")
                if origin != self._origin:
                    self._tell(topics)
