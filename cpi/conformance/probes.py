"""Ways to look past the CPI: what the cloud really holds. Given by whoever configures a check, as a command or a function.

`inventory`: one object per line (a function: any iterable of strings). `settings`: JSON of what the agent of `{vm}` reads. `write`: put `{text}` on
`{disk}` as `{vm}` sees it at `{hint}`; `read`: print it. `vanish`: destroy `{vm}` behind the CPI's back.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Iterable
from typing import cast

from cpi.conformance.config import Config, Probe

LIMIT = 120.0


class ProbeError(Exception):
    """A probe itself failed; this says nothing of the CPI."""


async def run(config: Config, name: str, **given: object) -> object:
    """What the probe said: a function's value, or a command's standard output."""
    probe = config.probes[name]
    try:
        async with asyncio.timeout(LIMIT):
            if isinstance(probe, str):
                function = _function(name, probe)
                return await asyncio.to_thread(function, dict(config.properties), **given)
            return await _command(config, name, probe, given)
    except TimeoutError:
        raise ProbeError(f"the probe {name} did not end within {LIMIT:g} s") from None
    except ProbeError:
        raise
    except Exception as error:
        raise ProbeError(f"the probe {name} failed: {type(error).__name__}: {error}") from error


async def inventory(config: Config) -> frozenset[str]:
    """All objects of the cloud that belong to this CPI."""
    told = await run(config, "inventory")
    lines = told.splitlines() if isinstance(told, str) else [str(one) for one in cast("Iterable[object]", told)]
    return frozenset(line.strip() for line in lines if line.strip())


def _function(name: str, probe: Probe) -> Callable[..., object]:
    module, _, attribute = str(probe).partition(":")
    try:
        return cast("Callable[..., object]", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError, ValueError) as error:
        raise ProbeError(f"the probe {name} must be MODULE:FUNCTION or a list of words, not {probe!r}: {error}") from error  # fmt: skip


async def _command(config: Config, name: str, probe: Probe, given: dict[str, object]) -> str:
    words = [_filled(word, given) for word in probe]
    child = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=dict(config.environment) or None,
    )  # fmt: skip
    try:
        output, errors = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        raise
    if child.returncode != 0:
        raise ProbeError(f"the probe {name} ended with {child.returncode}: {errors.decode(errors='replace').strip()}")
    return output.decode(errors="replace")


def _filled(word: str, given: dict[str, object]) -> str:
    for key, value in given.items():
        word = word.replace(f"{{{key}}}", value if isinstance(value, str) else json.dumps(value))
    return word
