"""The clouds' port behind limiters: every call of every task goes through here, at the pace that its cloud takes for its method."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from director.engine import turn as turns
from director.engine.limiter_line import Line, Places
from director.engine.limiter_refusals import is_refusal, seconds_told
from director.model.errors import CloudError, CloudNotSupported
from director.ports.clock import Clock
from director.ports.cloud import Cloud, Clouds, CpiLog

AT_ONCE = 128
"""Calls of one cloud under way at once; the CPI worker has as many threads and some for questions."""
PATIENCE = 600.0
"""Seconds for which a call that is refused again and again is sent anew."""
FREE = frozenset({"name", "info", "calculate_vm_cloud_properties"})
"""Answered by the CPI itself, without its cloud."""
QUESTIONS = frozenset({"find", "find_all", "has_vm", "has_disk", "vm_status"})
CREATIONS = {"create_vm": "vm", "create_disk": "disk", "create_stemcell": "stemcell", "snapshot_disk": "snapshot"}


class LimitedClouds:
    """`director.ports.cloud.Clouds` around another one; its limiters live as long as it does, for all tasks."""

    def __init__(self, inner: Clouds, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._clouds: dict[str, _Limits] = {}

    async def get(self, name: str) -> Cloud:
        """See the port."""
        cloud = await self._inner.get(name)
        limits = self._clouds.setdefault(cloud.name, _Limits(self._clock))
        return cast("Cloud", LimitedCloud(cloud, limits))

    async def names(self) -> list[str]:
        """See the port."""
        return await self._inner.names()

    async def renamed(self) -> Mapping[str, str]:
        """See the port."""
        return await self._inner.renamed()

    async def close(self) -> None:
        """See the port."""
        await self._inner.close()

    def state(self) -> list[dict[str, Any]]:
        """For each cloud and method called so far: ``cpi``, ``method``, ``per_second`` (the present pace), ``learned`` (a refusal was seen; else
        the pace is only where it has risen to), ``calls``, ``refused``, ``waiting``; and ``under_way`` calls of the cloud."""
        return [
            {
                "cpi": cpi,
                "method": method,
                "per_second": round(line.pace.rate, 2),
                "learned": line.pace.known,
                "calls": line.pace.sent,
                "refused": line.pace.refused,
                "waiting": line.waiting,
                "under_way": limits.places.taken,
            }
            for cpi, limits in sorted(self._clouds.items())
            for method, line in sorted(limits.lines.items())
        ]


@dataclass
class _Limits:
    """Of one cloud."""

    clock: Clock
    places: Places = field(default_factory=lambda: Places(AT_ONCE))
    lines: dict[str, Line] = field(default_factory=dict[str, Line])

    def line(self, method: str) -> Line:
        if method not in self.lines:
            self.lines[method] = Line(self.clock, self.places, counted=method not in QUESTIONS)
        return self.lines[method]


class LimitedCloud:
    """One cloud's calls, by their names in the port: each waits for its pace; one that is refused for its rate is sent again."""

    def __init__(self, inner: Cloud, limits: _Limits) -> None:
        self._inner = inner
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in FREE or not inspect.iscoroutinefunction(found):
            return found

        async def limited(*arguments: Any, **named: Any) -> Any:
            return await self._call(name, lambda: found(*arguments, **named), named)

        return limited

    async def _call(self, method: str, send: Callable[[], Awaitable[Any]], named: dict[str, Any]) -> Any:
        line, clock, turn = self._limits.line(method), self._limits.clock, turns.current()
        began = clock.now()
        while True:
            sent_at = await line.enter(turn)
            try:
                if clock.now() > began or sent_at > began:
                    await turn.ask()
                return await send()
            except CloudError as error:
                if not is_refusal(error):
                    raise
                line.pace.refuse(sent_at, clock.now(), seconds_told(error))
                if clock.now() - began > PATIENCE:
                    raise _tired(error) from error
                refused = error
            finally:
                line.leave()
            _tell(named.get("log"), f"{method}: refused for its rate, sent again at {line.pace.rate:.2g} per second")
            if not await self._nothing_made(method, refused, named):
                raise refused

    async def _nothing_made(self, method: str, error: CloudError, named: dict[str, Any]) -> bool:
        """Whether the refused call may simply be sent again: a creation that was refused halfway may have made something."""
        if method not in CREATIONS or not error.began:
            return True
        try:
            return await self.find(CREATIONS[method], named["key"], log=named.get("log")) is None
        except CloudNotSupported:
            return error.ok_to_retry


def _tired(error: CloudError) -> CloudError:
    error.ok_to_retry = False
    error.remedy = f"It was refused for {PATIENCE:.0f} s on end. Raise the cloud's rate limit, or lower max_in_flight."
    return error


def _tell(log: CpiLog | None, line: str) -> None:
    if log is not None:
        log(line)
