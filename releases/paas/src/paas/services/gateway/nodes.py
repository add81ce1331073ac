"""Which nodes there are and what they have free, as they announce it."""

from __future__ import annotations

import time
from collections.abc import Callable

from paas.bus.client import Bus, Message, NoAnswerError
from paas.messages.services import Announce, Discover


class Nodes:
    """`heard` is called with the id of each node that announces itself."""

    def __init__(self, label: str, bus: Bus, node_seconds: float, heard: Callable[[str], None]) -> None:
        self._label = label
        self._bus = bus
        self._seconds = node_seconds
        self._heard = heard
        self._known: dict[str, tuple[float, Announce]] = {}

    async def listen(self) -> None:
        """Hear announcements, and ask for the first."""

        async def come(message: Message[Announce]) -> None:
            self._note(message.body)

        await self._bus.subscribe(f"{self._label}.announce", Announce, come)
        await self._bus.publish(f"{self._label}.discover", Discover())

    async def choose(self, plan: str, size: int, seconds: float) -> list[str]:
        """Nodes with room for it, most room first. Where none is known all are asked, for at most `seconds`."""
        if not (found := self._with_room(plan, size)):
            try:
                told = await self._bus.gather(f"{self._label}.discover", Discover(plan=plan), Announce, seconds)
            except NoAnswerError:
                told = []
            for one in told:
                self._note(one)
            found = self._with_room(plan, size)
        return found

    def gone(self, id: str) -> None:
        """It did not answer: not to be chosen before it announces itself again."""
        self._known.pop(id, None)

    def _note(self, told: Announce) -> None:
        self._known[told.id] = (time.monotonic(), told)
        self._heard(told.id)

    def _with_room(self, plan: str, size: int) -> list[str]:
        since = time.monotonic() - self._seconds
        fitting = [
            told
            for at, told in self._known.values()
            if at >= since and told.available_capacity >= size and (not told.plans or plan in told.plans)
        ]
        return [told.id for told in sorted(fitting, key=lambda one: -one.available_capacity)]
