"""Heavy pure work leaves the event loop: the API, leases and heartbeats go on while a large plan is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 100
"""Instances from which it pays; below, the hop to a thread costs more than the loop would wait."""


async def aside(size: int, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What ``work`` returns, done in a thread when ``size`` (instances, or kilobytes of text) is large. It must touch nothing that the loop
    changes meanwhile."""
    if size < LARGE:
        return work(*arguments, **named)
    return await asyncio.to_thread(work, *arguments, **named)
