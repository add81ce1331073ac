"""Wake-ups inside this process: who follows a topic is told that it moved."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable

from director.model.rows import JournalEntry, PlanRow, Row, Task
from director.ports.store import Changes


def topics_of(changes: Changes) -> frozenset[str]:
    """Each table touched, by name, and ``task/<id>`` for what belongs to a task."""
    found: set[str] = set()
    for row in changes.put:
        found.add(row.TABLE)
        found |= _task_topic(type(row), row.key)
    for kind, key in changes.delete:
        found.add(kind.TABLE)
        found |= _task_topic(kind, key)
    return frozenset(found)


def _task_topic(kind: type[Row], key: str) -> set[str]:
    if kind in (Task, PlanRow, JournalEntry):
        return {task_topic(key.partition("/")[0].lstrip("0"))}
    return set()


def task_topic(task_id: int | str) -> str:
    return f"task/{task_id}"


class Topics:
    """Followers by topic. Must be used on the event loop's thread."""

    def __init__(self) -> None:
        self._followers: dict[str, set[asyncio.Event]] = defaultdict(set)

    def tell(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for follower in self._followers.get(topic, ()):
                follower.set()

    def tell_all(self) -> None:
        """Wake everybody (the store closes)."""
        self.tell(list(self._followers))

    async def follow(self, topic: str, poll: float) -> AsyncIterator[None]:
        """Yields at once, after each wake-up, and at least every ``poll`` seconds (another process may have written)."""
        event = asyncio.Event()
        self._followers[topic].add(event)
        try:
            while True:
                yield None
                try:
                    async with asyncio.timeout(poll):
                        await event.wait()
                except TimeoutError:
                    pass
                event.clear()
        finally:
            self._followers[topic].discard(event)
            if not self._followers[topic]:
                del self._followers[topic]
