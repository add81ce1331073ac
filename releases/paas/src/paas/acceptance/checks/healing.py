"""What crashes comes back, and it is told."""

from __future__ import annotations

import asyncio

from paas.acceptance.trial import Trial


async def a_crash_is_healed(trial: Trial) -> None:
    """One of three instances ends with status 7: three answer again."""
    host = await trial.probe()
    before = {(await trial.web.get(host, "/session")).text for _ in range(40)}
    await trial.web.get(host, "/exit?status=7")
    deadline = asyncio.get_running_loop().time() + 90
    while True:
        answers = [await trial.web.get(host, "/session") for _ in range(40)]
        now = {answer.text for answer in answers if answer.status_code == 200}
        if len(now) == 3 and now != before:
            return
        assert asyncio.get_running_loop().time() < deadline, f"{len(now)} instances answer after a crash, not 3"
        await asyncio.sleep(0.5)


async def crashes_are_events(trial: Trial) -> None:
    """With index and reason."""
    told = ""
    for _ in range(60):
        told = await trial.paas("events", trial.name("probe"))
        if "app.crash" in told or "app.process.crash" in told:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"no crash among the events:\n{told}")
