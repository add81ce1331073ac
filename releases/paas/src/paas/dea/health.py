"""Whether an instance has come up, and whether it still answers."""

from __future__ import annotations

import asyncio

import httpx2

from paas.messages.dea import HealthCheck

LIVENESS_TRIES = 3
FIRST_PAUSE = 0.02
"""Seconds after the first look; most instances come up within a second, and who pushes waits for them."""


async def healthy(check: HealthCheck, host: str, port: int, client: httpx2.AsyncClient) -> bool:
    """One look: the port takes a connection, or the endpoint answers 200; a process is healthy while it runs."""
    try:
        async with asyncio.timeout(check.invocation_timeout):
            if check.type == "port":
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
            elif check.type == "http":
                answer = await client.get(f"http://{host}:{port}{check.endpoint}")
                return answer.status_code == 200
    except (OSError, TimeoutError, httpx2.HTTPError, httpx2.InvalidURL):
        return False
    return True


async def come_up(check: HealthCheck, host: str, port: int, client: httpx2.AsyncClient, interval: float) -> bool:
    """Look until it is healthy, often at first; false when it is not within the check's timeout."""
    pause = min(FIRST_PAUSE, interval)
    try:
        async with asyncio.timeout(check.timeout):
            while True:
                if await healthy(check, host, port, client):
                    return True
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, interval)
    except TimeoutError:
        return False


async def until_dead(check: HealthCheck, host: str, port: int, client: httpx2.AsyncClient, interval: float) -> None:
    """Return when it has not answered several times in a row; never for a process, or where `interval` is 0."""
    if check.type == "process" or not interval:
        await asyncio.get_running_loop().create_future()
    failed = 0
    while failed < LIVENESS_TRIES:
        await asyncio.sleep(interval if not failed else interval / 5)
        failed = 0 if await healthy(check, host, port, client) else failed + 1


def failure(check: HealthCheck) -> str:
    """In words, that it did not come up."""
    if check.type == "http":
        return f"failed to answer 200 at {check.endpoint} within {check.timeout} s"
    return f"failed to accept connections at its port within {check.timeout} s"


def silence(check: HealthCheck) -> str:
    """In words, that it answers no more."""
    what = f"200 at {check.endpoint}" if check.type == "http" else "at its port"
    return f"stopped answering {what}"
