"""A lease is looked at just before each single call to a cloud or an agent, not only before a step: a director may stand still between two of a
step's calls, and meanwhile another has taken over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from director.engine.lease import Hold
from director.engine.ports import Ports
from director.ports.agents import Agents
from director.ports.cloud import Cloud, Clouds


def guarded(ports: Ports, hold: Hold) -> Ports:
    """The ports whose clouds and agents are reached only by who holds the lease; calls raise `LeaseLost` otherwise."""
    agents = cast("Agents", _Guarded(ports.agents, hold))
    return replace(ports, clouds=_GuardedClouds(ports.clouds, hold), agents=agents)


class _Guarded:
    """Every coroutine function of ``inner``, with the look before it; all else as it is."""

    def __init__(self, inner: object, hold: Hold) -> None:
        self._inner = inner
        self._hold = hold

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(called):
            return called
        looked = self._looking(called)
        setattr(self, name, looked)
        return looked

    def _looking(self, called: Callable[..., Any]) -> Callable[..., Any]:
        async def look(*arguments: Any, **options: Any) -> Any:
            await self._hold.check()
            return await called(*arguments, **options)

        return look


class _GuardedClouds:
    """`Clouds`."""

    def __init__(self, clouds: Clouds, hold: Hold) -> None:
        self._clouds = clouds
        self._hold = hold
        self._known: dict[str, Cloud] = {}

    async def get(self, name: str) -> Cloud:
        if name not in self._known:
            self._known[name] = cast("Cloud", _Guarded(await self._clouds.get(name), self._hold))
        return self._known[name]

    async def names(self) -> list[str]:
        return await self._clouds.names()

    async def renamed(self) -> Mapping[str, str]:
        return await self._clouds.renamed()

    async def close(self) -> None:
        await self._clouds.close()
