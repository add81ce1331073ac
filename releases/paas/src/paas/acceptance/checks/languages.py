"""Apps of each buildpack are staged and answer; what they say is told."""

from __future__ import annotations

import asyncio

from paas.acceptance.trial import Trial


async def python_runs(trial: Trial) -> None:
    """With dependencies from the package cache, in three instances."""
    host = await trial.probe()
    await trial.web.until(host, "/", "probe ")
    environment = await trial.web.value(host, "/env")
    assert environment["MEMORY_LIMIT"] == "128m", environment["MEMORY_LIMIT"]
    assert trial.name("probe") in environment["VCAP_APPLICATION"]


async def node_runs(trial: Trial) -> None:
    """With express from the package cache."""
    await trial.push("node", "node", "-m", "128M")
    await trial.web.until(trial.host("node"), "/", "node 0")


async def static_runs(trial: Trial) -> None:
    """Files, served by the stack's nginx."""
    await trial.push("static", "static", "-m", "64M")
    await trial.web.until(trial.host("static"), "/", "static")


async def binary_runs(trial: Trial) -> None:
    """What needs no build."""
    await trial.push("binary", "binary", "-m", "64M", "-b", "binary_buildpack")
    await trial.web.until(trial.host("binary"), "/", "binary 0")


async def logs_are_told(trial: Trial) -> None:
    """Both streams of the app and its staging are in its recent log."""
    host = await trial.probe()
    await trial.web.get(host, f"/log?line=said-{trial.mark}&error=wrong-{trial.mark}")
    told = ""
    for _ in range(100):
        told = await trial.paas("logs", trial.name("probe"), "--recent")
        if f"said-{trial.mark}" in told and f"wrong-{trial.mark}" in told:
            break
        await asyncio.sleep(0.3)
    else:
        raise AssertionError(f"the app's lines are not in its log:\n{told[-2000:]}")
    assert "STG" in told, "no line of the staging is in the log"
