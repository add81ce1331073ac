"""How an index that crashes is dealt with: at once, after ever longer waits, not at all."""

from __future__ import annotations

from dataclasses import dataclass

from paas.health_manager.config import Timings


@dataclass(slots=True)
class Crashes:
    """Of one index of one version. `restart_at`: when the next start is due, None where none is planned; `stamp`: of the last one, by its DEA's clock."""

    count: int = 0
    last: float = 0
    stamp: float = 0
    restart_at: float | None = None

    def crashed(self, now: float, stamp: float, timings: Timings, noise: float) -> None:
        """One more; `noise` between -1 and 1."""
        if self.count and now - self.last > timings.crashes_apart:
            self.count = 0
        self.count += 1
        self.last, self.stamp = now, stamp
        self.restart_at = None if self.given_up(timings) else now + self._delay(timings, noise)

    def flapping(self, timings: Timings) -> bool:
        """Whether it crashes again and again."""
        return self.count > timings.free_crashes

    def given_up(self, timings: Timings) -> bool:
        """Whether it is started no more."""
        return 0 < timings.give_up < self.count

    def _delay(self, timings: Timings, noise: float) -> float:
        if not self.flapping(timings):
            return 0
        doubled = timings.min_delay * 2 ** min(self.count - timings.free_crashes - 1, 30)
        return max(0, min(timings.max_delay, doubled) + noise * timings.noise)
