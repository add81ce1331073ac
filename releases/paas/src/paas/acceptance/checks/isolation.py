"""What an app does to itself stays its own."""

from __future__ import annotations

import asyncio
from typing import Any

from paas.acceptance.trial import Trial


async def a_fork_bomb_is_held(trial: Trial) -> None:
    """Far fewer processes than were tried, and the neighbours answer."""
    started = await _hostile(trial, "forks")
    assert 10 < started < 1100, f"{started} processes were started"
    await _neighbours(trial)


async def a_disk_filler_is_held(trial: Trial) -> None:
    """No more than the 256 MB of its quota."""
    written = await _hostile(trial, "disk&mb=600")
    assert 50 < written <= 256, f"{written} MB were written with a quota of 256"
    await _neighbours(trial)


async def a_cpu_hog_is_held(trial: Trial) -> None:
    """It is slowed, not ended; the neighbours answer meanwhile."""
    await trial.push("static", "static", "-m", "64M")
    hog = asyncio.create_task(_hostile(trial, "cpu&seconds=5"))
    await _neighbours(trial)
    assert not hog.done(), "the hog had ended before its neighbours were asked"
    used = await hog
    assert used > 0.1, f"the hog had {used} s"


async def an_app_is_nobody(trial: Trial) -> None:
    """It cannot become root."""
    user = await _hostile(trial, "root")
    assert user not in ("", "0"), f"user {user}"


async def nothing_forbidden_is_reached(trial: Trial) -> None:
    """Not the bus, not the database, not the other containers."""
    for target in trial.config.forbidden:
        host, _, port = target.partition(":")
        answer = await _hostile(trial, f"reach&host={host}&port={port}")
        assert answer != "open", f"an app reached {target}"
    own = {(await trial.web.value(trial.host("probe"), "/env"))["CF_INSTANCE_INTERNAL_IP"] for _ in range(40)}
    assert len(own) > 1, f"three instances have the address {own}"
    for address in own:  # those of one VM are neighbours
        tried = [await _hostile(trial, f"reach&host={address}&port=8080") for _ in range(20)]
        assert "open" not in tried, f"an app reached its neighbour {address}"
        assert set(tried) - {"itself"}, f"no other instance tried {address}"


async def a_memory_hog_is_ended(trial: Trial) -> None:
    """By its own limit; the neighbours answer, and it comes back."""
    host = await trial.probe()
    await trial.web.get(host, "/hostile?what=memory&mb=400")
    await _neighbours(trial)
    await trial.web.until(host, "/", "probe ")


async def _hostile(trial: Trial, what: str) -> Any:
    answer = await trial.web.value(await trial.probe(), f"/hostile?what={what}")
    assert "result" in answer, answer
    return answer["result"]


async def _neighbours(trial: Trial) -> None:
    await trial.push("static", "static", "-m", "64M")
    await trial.web.until(trial.host("static"), "/", "static", 20)
