"""What a health manager decides, and nothing else: whoever calls it tells the time (seconds of one steady clock) and sends what it says.

Its rule above all others: while the actual state is unavailable, nothing is started. Silence of all DEAs means that the bus is broken,
not the apps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from paas.health_manager.actual import Actual, Instance
from paas.health_manager.config import Timings
from paas.health_manager.crashes import Crashes
from paas.health_manager.queue import Priority, Queue, Start
from paas.health_manager.wanted import Wanted, indices
from paas.messages.dea import Exited, Heartbeat
from paas.messages.health import Desired, HealthStart, HealthStop

Key = tuple[str, str, int]
"""App, version and index."""

Order = HealthStart | HealthStop


@dataclass(frozen=True)
class Crashed:
    """An instance that crashed: when that was heard, and when it was by the DEA's clock (seconds since 1970)."""

    heard: float
    stamp: float


@dataclass
class Core:
    """`noise` gives numbers between -1 and 1."""

    timings: Timings
    noise: Callable[[], float]
    actual: Actual = field(default_factory=Actual)
    wanted: Wanted = field(default_factory=Wanted)
    crashes: dict[Key, Crashes] = field(default_factory=dict[Key, Crashes])
    crashed: dict[str, dict[str, Crashed]] = field(default_factory=dict[str, dict[str, "Crashed"]])
    _blind: bool = True
    _since: float | None = None
    _asked: dict[Key, float] = field(default_factory=dict[Key, float])
    _analysed: float = float("-inf")
    _queue: Queue = field(init=False)

    def __post_init__(self) -> None:
        self._queue = Queue(self.timings.starts_per_second)

    def connected(self, now: float) -> None:
        """From now on DEAs can be heard."""
        self._since = now
        self.actual.last_beat = None
        self._blind = True

    def disconnected(self) -> None:
        """No DEA can be heard."""
        self._since = None
        self._queue.clear()

    def heartbeat(self, message: Heartbeat, now: float) -> None:
        """A DEA tells of its instances."""
        self.actual.heartbeat(message, now)

    def updated(self, droplet: str, now: float) -> None:
        """What is wanted of an app has changed: crashes of before say nothing of it."""
        self.wanted.update(droplet, now)
        for key in [key for key in self.crashes if key[0] == droplet]:
            del self.crashes[key]

    def exited(self, message: Exited, now: float) -> None:
        """An instance has ended, and why. One that is moved away is told of twice: when it is to be replaced, and when it has ended."""
        key = (message.droplet, message.version, message.index)
        known = self.actual.get(message.droplet, message.instance)
        if known is not None and known.up and message.reason == "DEA_EVACUATION":
            self.actual.leaving(known)
        else:
            self.actual.exited(message.droplet, message.instance)
        if message.reason == "STOPPED" or (known is not None and known.beat.state == "EVACUATING"):
            return
        self._asked.pop(key, None)
        if message.reason == "CRASHED":
            crashes = self.crashes.setdefault(key, Crashes())
            crashes.crashed(now, message.crash_timestamp, self.timings, self.noise())
            self.crashed.setdefault(message.droplet, {})[message.instance] = Crashed(now, message.crash_timestamp)
        else:
            self._queue.add(Start(*key), Priority.DEA_GONE)

    def read(self, batch: dict[str, Desired], began: float, now: float) -> None:
        """Part of what is wanted, of a reading that began at `began`."""
        self.wanted.read(batch, began, now)

    def read_all(self, began: float, now: float) -> None:
        """That reading is complete."""
        self.wanted.read_all(began, now)

    def available(self, now: float) -> bool:
        """Whether the actual state is known: some DEA was heard a short time ago."""
        beat = self.actual.last_beat
        return self._since is not None and beat is not None and now - beat <= self.timings.silence

    def trusted(self, now: float) -> bool:
        """Whether what is wanted is known."""
        return self.wanted.complete is not None and now - self.wanted.complete <= self.timings.desired_lost

    def tick(self, now: float, act: bool = True) -> list[Order]:
        """What is to be said now; to be called about once a second. Without `act` (another one acts) nothing."""
        if self._since is None or not self.available(now):
            self._blind = True
            self._queue.clear()
            return []
        if self._blind:
            # the first DEA is heard (again): the others have as long as it takes to be counted as lost
            self._blind, self._since = False, now
        for one in self.actual.lose(now, self._since, self.timings.lost):
            beat = one.beat
            self._queue.add(Start(beat.droplet, beat.version, beat.index), Priority.DEA_GONE)
        if not (self.trusted(now) and act):
            self._queue.clear()
            return []
        orders: list[Order] = []
        for key, crashes in self.crashes.items():
            if crashes.restart_at is not None and crashes.restart_at <= now:
                crashes.restart_at = None
                self._queue.add(Start(*key), Priority.CRASHED)
        if now - self._analysed >= self.timings.analysis_every:
            self._analysed = now
            orders += self._analyse(now, self._since)
        taken = self._queue.take(now, self._needed)
        for start in taken:
            self._asked[start.droplet, start.version, start.index] = now
        return orders + self._starts(taken)

    def _analyse(self, now: float, since: float) -> Iterable[Order]:
        for app in self.wanted.apps:
            self._find_missing(app, now, since)
        stops = [
            self._stop(app, extra)
            for app in self.actual.apps
            if not self.wanted.stale(app) and (extra := self._extra(app, now, since))
        ]
        self._tidy(now)
        return stops

    def _find_missing(self, app: str, now: float, since: float) -> None:
        desired = self.wanted.get(app)
        if desired is None or now - max(since, self.wanted.changed(app)) <= self.timings.lost:
            return  # who changed it has just seen to it
        for index in indices(desired):
            key = (app, desired.version, index)
            if now - self._asked.get(key, float("-inf")) <= self.timings.lost:
                continue  # the DEA that starts it has not told yet
            crashes = self.crashes.get(key)
            if crashes and (crashes.restart_at is not None or crashes.given_up(self.timings)):
                continue
            if self._needed(start := Start(*key)):
                self._queue.add(start, Priority.MISSING)

    def _needed(self, start: Start) -> bool:
        desired = self.wanted.get(start.droplet)
        return (
            desired is not None
            and desired.version == start.version
            and start.index in indices(desired)
            and not self.actual.has(start.droplet, start.version, start.index)
        )

    def _extra(self, app: str, now: float, since: float) -> list[Instance]:
        desired = self.wanted.get(app)
        up = self.actual.up(app)
        if desired is None:
            known = max(since, self.wanted.changed(app), self.actual.first_seen(app))
            return up if now - known > self.timings.desired_lost else []
        if now - max(since, self.wanted.changed(app)) <= self.timings.lost:
            return []
        extra: list[Instance] = []
        kept: set[int] = set()
        for one in sorted(
            up, key=lambda one: (one.beat.state != "RUNNING", one.beat.state_timestamp, one.beat.instance)
        ):
            index = one.beat.index
            if one.beat.version == desired.version and index in indices(desired) and index not in kept:
                kept.add(index)
            else:
                extra.append(one)
        return extra

    def _starts(self, taken: list[Start]) -> list[Order]:
        grouped: dict[tuple[str, bool], list[int]] = {}
        for start in taken:
            crashes = self.crashes.get((start.droplet, start.version, start.index))
            flapping = crashes is not None and crashes.flapping(self.timings)
            grouped.setdefault((start.droplet, flapping), []).append(start.index)
        orders: list[Order] = []
        for (app, flapping), wanted in grouped.items():
            if (desired := self.wanted.get(app)) is not None:
                orders.append(
                    HealthStart(
                        droplet=app,
                        version=desired.version,
                        last_updated=desired.updated_at,
                        indices=wanted,
                        running=self.actual.running(app),
                        flapping=flapping,
                    )
                )
        return orders

    def _stop(self, app: str, extra: list[Instance]) -> HealthStop:
        desired = self.wanted.get(app)
        return HealthStop(
            droplet=app,
            version=desired.version if desired else "",
            last_updated=desired.updated_at if desired else 0,
            instances={one.beat.instance: one.beat.version for one in extra},
            running=self.actual.running(app),
        )

    def _tidy(self, now: float) -> None:
        """Forget what can matter no more."""
        for key, at in list(self._asked.items()):
            if now - at > self.timings.lost:
                del self._asked[key]
        for key in list(self.crashes):
            desired = self.wanted.get(key[0])
            if not self.wanted.stale(key[0]) and (desired is None or desired.version != key[1]):
                del self.crashes[key]
        for app, instances in list(self.crashed.items()):
            recent = {key: one for key, one in instances.items() if now - one.heard <= self.timings.crashes_apart}
            if recent:
                self.crashed[app] = recent
            else:
                del self.crashed[app]
        self.wanted.forget(now, 2 * self.timings.desired_lost)
