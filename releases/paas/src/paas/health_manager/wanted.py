"""What the cloud controller wants, as read last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.messages.health import Desired

STARTED = "STARTED"
STAGED = "STAGED"


@dataclass
class Wanted:
    """Times in seconds of one steady clock; `complete`: when all was read last, None: never."""

    complete: float | None = None
    _apps: dict[str, Desired] = field(default_factory=dict[str, Desired])
    _changed: dict[str, float] = field(default_factory=dict[str, float])
    _read: dict[str, float] = field(default_factory=dict[str, float])
    _stale: dict[str, float] = field(default_factory=dict[str, float])

    def read(self, batch: Mapping[str, Desired], began: float, now: float) -> None:
        """Part of a reading that began at `began`: what was announced as changed since then has to be read again."""
        for guid, new in batch.items():
            old = self._apps.get(guid)
            if old is None or _differ(old, new):
                self._changed[guid] = now
            self._apps[guid] = new
            self._read[guid] = now
            self._fresh(guid, began)

    def read_all(self, began: float, now: float) -> None:
        """The reading is complete: what it did not have is not wanted any more."""
        for guid in [guid for guid, at in self._read.items() if at < began]:
            if guid in self._apps:
                del self._apps[guid]
                self._changed[guid] = now
        for guid in [guid for guid in self._stale if guid not in self._apps]:
            self._fresh(guid, began)
        self.complete = now

    def update(self, guid: str, now: float) -> None:
        """Something of this app has changed: until it is read again, nothing is known of it."""
        self._stale[guid] = self._changed[guid] = now

    def get(self, guid: str) -> Desired | None:
        """None where it is not wanted, or not known well enough."""
        return None if guid in self._stale else self._apps.get(guid)

    def stale(self, guid: str) -> bool:
        """Whether it has to be read again first."""
        return guid in self._stale

    def changed(self, guid: str) -> float:
        """When what is wanted of it changed last."""
        return self._changed.get(guid, 0)

    @property
    def apps(self) -> list[str]:
        """All that are known."""
        return list(self._apps)

    def forget(self, now: float, seconds: float) -> None:
        """Drop what is kept of apps that are not wanted for so long."""
        for guid in [g for g, at in self._changed.items() if g not in self._apps and now - at > seconds]:
            self._changed.pop(guid)
            self._read.pop(guid, None)
            self._stale.pop(guid, None)

    def _fresh(self, guid: str, began: float) -> None:
        if self._stale.get(guid, began) <= began:
            self._stale.pop(guid, None)


def indices(app: Desired | None) -> range:
    """Those that are to run."""
    return range(app.instances) if app and app.state == STARTED and app.package_state == STAGED else range(0)


def _differ(old: Desired, new: Desired) -> bool:
    return (old.version, old.state, old.instances, old.package_state) != (
        new.version,
        new.state,
        new.instances,
        new.package_state,
    )
