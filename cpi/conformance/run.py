"""A check from its beginning to its end, Ctrl-C included."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from cpi.conformance.case import Case
from cpi.conformance.check import Check
from cpi.conformance.result import Report, Result


def nothing(result: Result) -> None:
    """Nobody is told."""


async def run(check: Check, cases: Sequence[Case], told: Callable[[Result], None] = nothing) -> Report:
    """Run these cases; `told` hears of each. Cancelled, it removes what was made and reports what it has.

    CpiError or ProbeError if the CPI cannot be started.
    """
    results: list[Result] = []
    left: list[str] = []
    stopped = False
    try:
        await check.begin()
        for case in cases:
            result = await check.run(case)
            results.append(result)
            told(result)
    except asyncio.CancelledError:
        stopped = True
    finally:
        left = await check.end()
    subject = check.subject
    return Report(
        check.name, subject.way, subject.version, tuple(sorted(subject.declared)), tuple(results), tuple(left), stopped
    )


def run_to_end(check: Check, cases: Sequence[Case], told: Callable[[Result], None] = nothing) -> Report:
    """The same for a program: the first SIGINT or SIGTERM ends the cases, and what was made is removed."""

    async def main() -> Report:
        task = asyncio.create_task(run(check, cases, told))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await task

    return asyncio.run(main())
