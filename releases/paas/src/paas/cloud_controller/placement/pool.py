"""Which DEA an instance goes to. Source: the rules of the cloud controller of 2013, and the later one of zones."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from paas.messages.dea import Advertisement


@dataclass
class _Dea:
    said: Advertisement
    at: float
    memory: int
    disk: int
    counts: Counter[str] = field(default_factory=Counter[str])

    @property
    def zone(self) -> str:
        return self.said.placement_properties.get("zone", "default")


class DeaPool:
    """What is known of the DEAs: the last advertisement of each, less what was placed there since."""

    def __init__(self, expiry: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._expiry = expiry
        self._clock = clock
        self._deas: dict[str, _Dea] = {}

    def hear(self, said: Advertisement) -> None:
        """Take note of an advertisement: it counts for `expiry` seconds."""
        counts = Counter(said.app_id_to_count)
        self._deas[said.id] = _Dea(said, self._clock(), said.available_memory, said.available_disk, counts)

    def forget(self, dea: str) -> None:
        """It shuts down."""
        self._deas.pop(dea, None)

    @property
    def known(self) -> list[str]:
        """Ids of those whose advertisement counts."""
        self._prune()
        return list(self._deas)

    def choose(self, process: str, stack: str, memory: int, disk: int) -> str | None:
        """The DEA for one more instance, which is reckoned as placed there; None where it fits nowhere.

        Of those with the stack and enough memory and disk: those in the zone with the fewest instances of this process; of these
        those with the fewest; of these the half with the most memory; of these any.
        """
        self._prune()
        fit = [one for one in self._deas.values() if self._fits(one, stack, memory, disk)]
        if not fit:
            return None
        zones: Counter[str] = Counter()
        for one in self._deas.values():
            zones[one.zone] += one.counts[process]
        fewest_in_zone = min(zones[one.zone] for one in fit)
        fit = [one for one in fit if zones[one.zone] == fewest_in_zone]
        fewest = min(one.counts[process] for one in fit)
        fit = sorted((one for one in fit if one.counts[process] == fewest), key=lambda one: -one.memory)
        chosen = random.choice(fit[: (len(fit) + 1) // 2])  # noqa: S311
        chosen.memory -= memory
        chosen.disk -= disk
        chosen.counts[process] += 1
        return chosen.said.id

    def lacks(self, stack: str, memory: int, disk: int) -> str:
        """Why nothing fits, for the user."""
        self._prune()
        if not self._deas:
            return "no DEA is known"
        having = [one for one in self._deas.values() if not stack or stack in one.said.stacks]
        if not having:
            return f"no DEA has the stack {stack}"
        if not any(one.memory >= memory for one in having):
            return f"insufficient resources: memory ({memory} MB)"
        if not any(one.disk >= disk for one in having):
            return f"insufficient resources: disk ({disk} MB)"
        return f"insufficient resources: memory ({memory} MB) and disk ({disk} MB) together"

    @staticmethod
    def _fits(one: _Dea, stack: str, memory: int, disk: int) -> bool:
        return (not stack or stack in one.said.stacks) and one.memory >= memory and one.disk >= disk

    def _prune(self) -> None:
        oldest = self._clock() - self._expiry
        self._deas = {id: one for id, one in self._deas.items() if one.at >= oldest}
