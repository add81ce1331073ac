"""More instances and fewer."""

from __future__ import annotations

import asyncio

from paas.acceptance.trial import Trial


async def one_becomes_four_and_two(trial: Trial) -> None:
    """All of them answer, and those that are gone do not."""
    await trial.push("scaled", "probe", "-m", "64M", "-k", "128M")
    host = trial.host("scaled")
    await trial.web.until(host, "/", "probe 0")
    for count in (4, 2):
        await trial.paas("scale", trial.name("scaled"), "-i", str(count))
        await _seen(trial, host, {f"probe {index}" for index in range(count)})


async def _seen(trial: Trial, host: str, wanted: set[str], seconds: float = 90) -> None:
    """Until the last forty answers came from just these instances, and none was lost on the way."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        answers = await asyncio.gather(*(trial.web.get(host) for _ in range(40)))
        bad = {answer.status_code for answer in answers} - {200}
        assert not bad, f"answered {bad} while scaling"
        seen = {answer.text.strip() for answer in answers}
        if seen == wanted:
            return
        assert asyncio.get_running_loop().time() < deadline, f"{seen} answer, not {wanted}"
        await asyncio.sleep(0.5)
