"""CPI workers of one life: a call that they have begun goes on when the director dies, and its next life waits for them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from director.adapters.memory.cloud import MemoryClouds
from director.ports.cloud import Cloud

PATIENCE = 30.0
"""Seconds that a warden leaves them."""


class Workers:
    """`Clouds`. ``begin`` is asked before each call and raises where no other may begin."""

    def __init__(self, clouds: MemoryClouds, begin: Callable[[], None]) -> None:
        self._clouds = clouds
        self._begin = begin
        self._calls: set[asyncio.Task[Any]] = set()

    async def get(self, name: str) -> Cloud:
        return _Worker(await self._clouds.get(name), self._carry)  # type: ignore[return-value]

    async def names(self) -> list[str]:
        return await self._clouds.names()

    async def renamed(self) -> dict[str, str]:
        return await self._clouds.renamed()

    async def close(self) -> None:
        return None

    async def ended(self) -> None:
        """The calls under way end, or are ended."""
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=PATIENCE)
            for call in late:
                call.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _carry(self, called: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self._begin()
        call = asyncio.ensure_future(called(*arguments, **options))
        self._calls.add(call)
        call.add_done_callback(self._over)
        return await asyncio.shield(call)

    def _over(self, call: asyncio.Task[Any]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # whoever asked may be dead


class _Worker:
    def __init__(self, cloud: Cloud, carry: Callable[..., Any]) -> None:
        self._cloud = cloud
        self._carry = carry

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cloud, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            return await self._carry(found, *arguments, **options)

        return call
