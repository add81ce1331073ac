"""The router: stickiness, WebSockets, large bodies, hosts that nobody serves."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie

import websockets

from paas.acceptance.trial import Trial


async def a_session_sticks(trial: Trial) -> None:
    """With the cookies of a session, twenty requests meet the instance of the first."""
    host = await trial.probe()
    first = await trial.web.get(host, "/session")
    cookies = SimpleCookie()
    for line in first.headers.get_list("set-cookie"):
        cookies.load(line)
    assert "__VCAP_ID__" in cookies, f"no __VCAP_ID__ among {sorted(cookies)}"
    sent = "; ".join(f"{name}={one.value}" for name, one in cookies.items())
    seen = {(await trial.web.get(host, "/session", Cookie=sent)).text for _ in range(20)}
    assert seen == {first.text}, f"a session met {len(seen)} instances"
    free = {(await trial.web.get(host, "/session")).text for _ in range(40)}
    assert len(free) == 3, f"without cookies, 40 requests met {len(free)} of 3 instances"


async def a_websocket_is_passed(trial: Trial) -> None:
    """There and back, three times."""
    host = await trial.probe()
    async with (
        asyncio.timeout(60),
        websockets.connect(f"ws://{host}/ws", host=trial.web.address, port=trial.web.port) as socket,
    ):
        for word in ("one", "two" * 50, "three" * 500):
            await socket.send(word)
            assert await socket.recv() == word


async def large_bodies_are_passed(trial: Trial) -> None:
    """Five megabytes."""
    host = await trial.probe()
    answer = await trial.web.post(host, "/upload", b"x" * 5_000_000)
    assert answer.json() == {"bytes": 5_000_000}, answer.text[:200]


async def unknown_hosts_are_refused(trial: Trial) -> None:
    """404, and the router says that it was itself."""
    answer = await trial.web.get(f"nobody-{trial.mark}.{trial.config.apps_domain}")
    assert answer.status_code == 404, answer.status_code
    assert answer.headers.get("x-cf-routererror") == "unknown_route", dict(answer.headers)
