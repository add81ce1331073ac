"""What a cloud refuses: too many calls in a time, and more objects than the quota."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from cpi.contract import Json
from cpi.sim import shape

CHANGED = "rate_limit.json"
"""In `state_dir`: rates that hold instead of the property `rate_limit`, from the next call on."""
QUOTAS = ("vms", "disks", "addresses", "disk_mib", "snapshots")


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `per_second` calls on average, `burst` at once. `wait`: seconds that a call stands in the queue
    before it is refused, as the SDKs of most clouds do."""

    per_second: float
    burst: float
    wait: float = 0.0

    @classmethod
    def parse(cls, where: str, value: object) -> Rate:
        """A number of calls per second, or `{per_second, burst?, wait?}`."""
        if not isinstance(value, Mapping):
            pace = shape.number(where, value, least=0.001)
            return cls(pace, max(1.0, pace))
        given = shape.hash_of(where, cast(Json, value))
        shape.known(where, given, ("per_second", "burst", "wait"))
        pace = shape.number(f"{where}.per_second", given.get("per_second"), least=0.001)
        burst = shape.number(f"{where}.burst", given.get("burst", max(1.0, pace)), least=1)
        return cls(pace, burst, shape.number(f"{where}.wait", given.get("wait", 0)))

    def take(self, tokens: float, at: float, now: float) -> tuple[float, float]:
        """(tokens left, seconds until there is one): with seconds 0 one was taken."""
        filled = min(self.burst, tokens + max(0.0, now - at) * self.per_second)
        if filled >= 1:
            return filled - 1, 0.0
        return filled, (1 - filled) / self.per_second


@dataclass(frozen=True, slots=True)
class Limits:
    """`rates` by method, "all" for every call together; `quota` by QUOTAS."""

    rates: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    quota: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def parse(cls, rate_limit: object, quota: object) -> Limits:
        """`rate_limit`: one rate for all calls, or `{METHOD or "all": rate}`."""
        form = shape.hash_of("rate_limit", cast(Json, rate_limit)) if isinstance(rate_limit, Mapping) else {}
        if rate_limit is None or form:
            by_method = form if "per_second" not in form else {"all": rate_limit}
        else:
            by_method = {"all": rate_limit}
        given = shape.hash_of("quota", quota)
        shape.known("quota", given, QUOTAS)
        return cls(
            {name: Rate.parse(f"rate_limit.{name}", value) for name, value in by_method.items()},
            {name: shape.whole(f"quota.{name}", value) for name, value in given.items()},
        )

    def now(self, state_dir: Path) -> Limits:
        """These, or those that were put into `state_dir` meanwhile: a cloud may change its mind in the middle of a deploy."""
        try:
            text = (state_dir / CHANGED).read_text()
        except OSError:
            return self
        return replace(self, rates=Limits.parse(json.loads(text), None).rates)

    def of(self, method: str) -> list[tuple[str, Rate]]:
        """The buckets that a call of this method draws from."""
        return [(name, self.rates[name]) for name in ("all", method) if name in self.rates]
