"""Runs the checks one after the other, tells each, goes on after a failure."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable

from paas.acceptance.trial import Trial

Check = Callable[[Trial], Awaitable[None]]


async def run_checks(trial: Trial, checks: list[Check]) -> list[str]:
    """The names of those that failed."""
    failed: list[str] = []
    for check in checks:
        name = check.__name__
        begin = time.monotonic()
        try:
            await check(trial)
        except Exception as error:  # the next may hold all the same
            failed.append(name)
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(
                f"FAILED {name} ({time.monotonic() - begin:.1f} s): {error or type(error).__name__} [{where.name}:{where.lineno}]"
            )
        else:
            print(f"ok {name} ({time.monotonic() - begin:.1f} s)")
    return failed
