"""What the DEAs tell of their instances."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from paas.messages.dea import Beat, Heartbeat

UP = frozenset({"STARTING", "RUNNING"})


@dataclass(frozen=True, slots=True)
class Instance:
    """As its DEA told last."""

    dea: str
    beat: Beat

    @property
    def up(self) -> bool:
        """Whether it counts: one that is being moved away does not."""
        return self.beat.state in UP


@dataclass
class Actual:
    """All instances by app and by DEA; seconds of one steady clock."""

    _apps: dict[str, dict[str, Instance]] = field(default_factory=lambda: defaultdict(dict))
    _deas: dict[str, dict[str, Instance]] = field(default_factory=dict[str, dict[str, Instance]])
    _heard: dict[str, float] = field(default_factory=dict[str, float])
    _first: dict[str, float] = field(default_factory=dict[str, float])
    last_beat: float | None = None

    def heartbeat(self, message: Heartbeat, now: float) -> None:
        """A DEA tells all it has: what it does not tell any more is gone."""
        self.last_beat = now
        self._heard[message.dea] = now
        told = {beat.instance: Instance(message.dea, beat) for beat in message.droplets if not beat.task}
        before = self._deas.get(message.dea, {})
        for instance in before.keys() - told.keys():
            self._forget(before[instance])
        self._deas[message.dea] = told
        for instance, one in told.items():
            self._apps[one.beat.droplet][instance] = one
            self._first.setdefault(one.beat.droplet, now)

    def leaving(self, one: Instance) -> None:
        """It still serves, and is to be replaced."""
        gone = Instance(one.dea, msgspec.structs.replace(one.beat, state="EVACUATING"))
        self._apps[one.beat.droplet][one.beat.instance] = self._deas[one.dea][one.beat.instance] = gone

    def exited(self, droplet: str, instance: str) -> None:
        """An instance has ended."""
        one = self._apps.get(droplet, {}).get(instance)
        if one is not None:
            self._deas.get(one.dea, {}).pop(instance, None)
            self._forget(one)

    def lose(self, now: float, since: float, seconds: float) -> list[Instance]:
        """Give up on DEAs that were silent for `seconds` while they could have been heard (`since`); what was up on them."""
        silent = [dea for dea, heard in self._heard.items() if now - max(heard, since) > seconds]
        gone = [one for dea in silent for one in self._deas.get(dea, {}).values()]
        for one in gone:
            self._forget(one)
        for dea in silent:
            del self._heard[dea]
            self._deas.pop(dea, None)
        return [one for one in gone if one.up]

    def get(self, droplet: str, instance: str) -> Instance | None:
        """One of an app's instances; None for one that no DEA has told of."""
        return self._apps[droplet].get(instance) if droplet in self._apps else None

    def of(self, droplet: str) -> Iterable[Instance]:
        """All instances of an app."""
        return self._apps.get(droplet, {}).values()

    def up(self, droplet: str) -> list[Instance]:
        """Those that start or run."""
        return [one for one in self.of(droplet) if one.up]

    def running(self, droplet: str) -> dict[str, int]:
        """Version -> how many are up."""
        return dict(Counter(one.beat.version for one in self.up(droplet)))

    def has(self, droplet: str, version: str, index: int) -> bool:
        """Whether an index of a version is up."""
        return any(one.up and one.beat.version == version and one.beat.index == index for one in self.of(droplet))

    def first_seen(self, droplet: str) -> float:
        """When the oldest knowledge of an app's instances came."""
        return self._first.get(droplet, 0)

    @property
    def apps(self) -> list[str]:
        """All apps that have instances."""
        return list(self._apps)

    @property
    def deas(self) -> int:
        """How many DEAs are heard."""
        return len(self._heard)

    def _forget(self, one: Instance) -> None:
        known = self._apps.get(one.beat.droplet)
        # another DEA may have told of the same instance since
        if known is not None and known.get(one.beat.instance) is one:
            del known[one.beat.instance]
            if not known:
                del self._apps[one.beat.droplet]
                self._first.pop(one.beat.droplet, None)
