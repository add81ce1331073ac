"""A platform in virtual time for the health manager's core: DEAs, a cloud controller that looks again, and a bus that may be away."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from paas.health_manager.config import Timings
from paas.health_manager.core import Core
from paas.messages.dea import Beat, Exited, Heartbeat, Reason, State
from paas.messages.health import Desired, HealthStart, HealthStop

BEAT = 10
READ = 60
BOOT = 5
"""Seconds from a start until an instance runs."""


@dataclass
class Running:
    """An instance on a DEA."""

    app: str
    version: str
    index: int
    guid: str
    since: int
    crashes_at: int | None = None


@dataclass
class World:
    """`now` in whole seconds. `starts` and `stops`: what the health manager has said, with its time.
    `read_fails`: what is wanted cannot be read; `full`: no DEA has room for what it wants to have started."""

    timings: Timings = field(default_factory=Timings)
    now: int = 0
    bus: bool = True
    full: bool = False
    read_fails: bool = False
    core: Core = field(init=False)
    wanted: dict[str, Desired] = field(default_factory=dict[str, Desired])
    deas: dict[str, list[Running]] = field(default_factory=dict[str, list[Running]])
    leaving: dict[str, int] = field(default_factory=dict[str, int])
    crashing: dict[str, int] = field(default_factory=dict[str, int])
    starts: list[tuple[int, HealthStart]] = field(default_factory=list[tuple[int, HealthStart]])
    stops: list[tuple[int, HealthStop]] = field(default_factory=list[tuple[int, HealthStop]])
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.core = Core(self.timings, lambda: 0)
        self.core.connected(0)

    # --- what an operator and users do

    def want(
        self, app: str, instances: int = 1, version: str = "v1", state: str = "STARTED", *, tell: bool = True
    ) -> None:
        """As the cloud controller: note it, see to it at once, and tell the health manager."""
        self.wanted[app] = Desired(
            id=app,
            instances=instances,
            state=state,
            memory=64,
            package_state="STAGED",
            version=version,
            updated_at=self.now,
        )
        self._see_to(app)
        if tell and self.bus:
            self.core.updated(app, self.now)
            self._read()

    def forget(self, app: str) -> None:
        """It is deleted, and the message that stops its instances is lost."""
        del self.wanted[app]

    def _see_to(self, app: str) -> None:
        desired = self.wanted[app]
        if not self.bus:
            return
        for instances in self.deas.values():
            for one in list(instances):
                if one.app == app and not self._belongs(one, desired):
                    instances.remove(one)
                    self._exit(one, "STOPPED")
        for index in range(desired.instances if desired.state == "STARTED" else 0):
            if not self._has(app, desired.version, index):
                self.run(app, desired.version, index)

    def _belongs(self, one: Running, desired: Desired) -> bool:
        return desired.state == "STARTED" and one.version == desired.version and one.index < desired.instances

    def _has(self, app: str, version: str, index: int) -> bool:
        return any(
            (one.app, one.version, one.index) == (app, version, index) for one in itertools.chain(*self.deas.values())
        )

    # --- what happens on DEAs

    def run(self, app: str, version: str, index: int, dea: str | None = None) -> None:
        """Start an instance on the DEA with the fewest."""
        if not self.deas:
            return
        free = [name for name in self.deas if name not in self.leaving] or list(self.deas)
        place = dea or min(free, key=lambda name: len(self.deas[name]))
        life = self.crashing.get(app)
        self.deas[place].append(
            Running(app, version, index, f"i{next(self._ids)}", self.now, None if life is None else self.now + life)
        )

    def kill_dea(self, name: str) -> None:
        """Its machine is gone."""
        del self.deas[name]

    def evacuate(self, name: str) -> None:
        """It has each of its instances replaced, and ends eight seconds later."""
        self.leaving[name] = self.now + 8
        for one in self.deas[name]:
            self._exit(one, "DEA_EVACUATION")

    def _leave(self) -> None:
        for name in [name for name, at in self.leaving.items() if at <= self.now]:
            del self.leaving[name]
            for one in self.deas.pop(name, []):
                self._exit(one, "DEA_EVACUATION")

    def crash(self, app: str, index: int, *, silent: bool = False) -> None:
        """An instance ends; `silent`: the message is lost."""
        for instances in self.deas.values():
            for one in list(instances):
                if one.app == app and one.index == index:
                    instances.remove(one)
                    if not silent:
                        self._exit(one, "CRASHED")

    def _exit(self, one: Running, reason: Reason) -> None:
        if self.bus:
            self.core.exited(
                Exited(
                    droplet=one.app,
                    version=one.version,
                    instance=one.guid,
                    index=one.index,
                    reason=reason,
                    crash_timestamp=self.now,
                ),
                self.now,
            )

    # --- time

    def bus_away(self, *, noticed: bool = True) -> None:
        """`noticed`: the health manager's own connection is lost too."""
        self.bus = False
        if noticed:
            self.core.disconnected()

    def bus_back(self, *, noticed: bool = True) -> None:
        """The health manager asks for heartbeats when it notices."""
        self.bus = True
        if noticed:
            self.core.connected(self.now)
            self._beat(self.deas)

    def pass_time(self, seconds: int) -> None:
        """Second by second."""
        for _ in range(seconds):
            self.now += 1
            for instances in self.deas.values():
                for one in [one for one in instances if one.crashes_at is not None and one.crashes_at <= self.now]:
                    instances.remove(one)
                    self._exit(one, "CRASHED")
            self._leave()
            if self.bus:
                # each DEA has its own second
                self._beat([dea for number, dea in enumerate(self.deas) if (self.now + 3 * number) % BEAT == 0])
            if self.now % READ == 0:
                self._read()
            for order in self.core.tick(self.now):
                if isinstance(order, HealthStart):
                    self.starts.append((self.now, order))
                    self._start(order)
                else:
                    self.stops.append((self.now, order))
                    self._stop(order)

    def _beat(self, deas: Iterable[str]) -> None:
        for dea in deas:
            instances = self.deas[dea]
            beats = [
                Beat(
                    droplet=one.app,
                    version=one.version,
                    instance=one.guid,
                    index=one.index,
                    state=self._state(dea, one),
                    state_timestamp=one.since,
                )
                for one in instances
            ]
            self.core.heartbeat(Heartbeat(dea=dea, droplets=beats), self.now)

    def _state(self, dea: str, one: Running) -> State:
        if dea in self.leaving:
            return "EVACUATING"
        return "RUNNING" if self.now - one.since >= BOOT else "STARTING"

    def _read(self) -> None:
        if self.read_fails:
            return
        began = self.now
        self.core.read(dict(self.wanted), began, self.now)
        self.core.read_all(began, self.now)

    def _start(self, order: HealthStart) -> None:
        """As the cloud controller does: only what is still wanted and is not said to run."""
        desired = self.wanted.get(order.droplet)
        if self.full or not desired or desired.version != order.version or desired.state != "STARTED":
            return
        if order.running.get(order.version, 0) >= desired.instances:
            return
        for index in order.indices:
            if index < desired.instances:
                self.run(order.droplet, order.version, index)

    def _stop(self, order: HealthStop) -> None:
        for instances in self.deas.values():
            instances[:] = [one for one in instances if one.guid not in order.instances]

    # --- what is looked at

    def indices(self, app: str) -> list[tuple[str, int]]:
        """Version and index of all instances of an app."""
        return sorted((one.version, one.index) for one in itertools.chain(*self.deas.values()) if one.app == app)

    def exactly_as_wanted(self) -> bool:
        """Each wanted index once, and nothing else."""
        found = sorted((one.app, one.version, one.index) for one in itertools.chain(*self.deas.values()))
        return found == sorted(
            (app, desired.version, index)
            for app, desired in self.wanted.items()
            if desired.state == "STARTED"
            for index in range(desired.instances)
        )


def world(deas: int = 3, settled: bool = True, **timings: object) -> World:
    """DEAs without apps; `settled`: all grace of the beginning is over."""
    one = World(msgspec.convert(timings, Timings))
    for number in range(deas):
        one.deas[f"dea-{number}"] = []
    if settled:
        one.pass_time(65)
    return one
