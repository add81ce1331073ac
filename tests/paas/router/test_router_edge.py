"""Requests through a real nginx to real backends: routing, headers, errors, cookies, bodies."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter

import httpx2
import pytest
from paas.bus.client import Bus

from tests.paas.router.backend import Backend, backends
from tests.paas.router.edge import PATIENCE, PLAIN, Edge, ask, endpoint, routed


def host() -> str:
    """A name that no other test uses, so that nothing is remembered of it."""
    return f"h{uuid.uuid4().hex[:12]}.example.com"


async def test_requests_go_to_all_endpoints_in_turn(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("a", "b", "c") as all_:
        await routed(edge, bus, *(endpoint(one.port, name) for one in all_))
        answers = [await ask(edge, name) for _ in range(30)]
    seen = Counter(answer.json()["name"] for answer in answers)
    assert set(seen) == {"a", "b", "c"}
    assert len({answer.headers["x-vcap-request-id"] for answer in answers}) == 30
    assert max(seen.values()) - min(seen.values()) <= 4  # two workers, each with a turn of its own


async def test_an_unknown_host_is_told_so(edge: Edge) -> None:
    name = host()
    answer = await ask(edge, name)
    assert answer.status_code == 404
    assert answer.headers["x-cf-routererror"] == "unknown_route"
    assert answer.text == f"404 Not Found: Requested route ('{name}') does not exist.\n"
    assert answer.headers["x-vcap-request-id"]


async def test_a_route_is_known_soon_after_it_was_asked_for_in_vain(edge: Edge, bus: Bus) -> None:
    name = host()
    assert (await ask(edge, name)).status_code == 404
    async with backends("a") as [one]:
        await routed(edge, bus, endpoint(one.port, name))
        async with asyncio.timeout(PATIENCE):
            while (await ask(edge, name)).status_code != 200:
                await asyncio.sleep(0.05)


async def test_nobody_is_at_the_port(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("gone") as [one]:
        await routed(edge, bus, endpoint(one.port, name))
    answer = await ask(edge, name)
    assert answer.status_code == 502
    assert answer.headers["x-cf-routererror"] == "endpoint_failure"
    assert answer.text == "502 Bad Gateway: Registered endpoint failed to handle the request.\n"


async def test_an_apps_own_errors_are_its_own(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("a") as [one]:
        one.status = "502 Bad Gateway"
        await routed(edge, bus, endpoint(one.port, name))
        answer = await ask(edge, name)
    assert answer.status_code == 502
    assert answer.json()["name"] == "a"
    assert "x-cf-routererror" not in answer.headers


async def test_wildcards_and_paths_lead_to_the_nearest(edge: Edge, bus: Bus) -> None:
    domain = host()
    async with backends("wild", "exact", "path", "deeper") as [wild, exact, path, deeper]:
        await routed(
            edge,
            bus,
            endpoint(wild.port, f"*.{domain}"),
            endpoint(exact.port, f"x.{domain}"),
            endpoint(path.port, f"y.{domain}/v1"),
            endpoint(deeper.port, f"y.{domain}/v1/deep"),
        )

        async def who(name: str, at: str) -> str:
            return (await ask(edge, f"{name}.{domain}", at)).json()["name"]

        assert await who("any", "/") == "wild"
        assert await who("a.b", "/") == "wild"
        assert await who("x", "/v1") == "exact"
        assert await who("y", "/v1/shop") == "path"
        assert await who("y", "/V1?q=1") == "path"
        assert await who("y", "/v1/deep/er") == "deeper"
        assert await who("y", "/v1/deeper") == "path"
        assert await who("y", "/v10") == "wild"
        assert await who("y", "/") == "wild"


async def test_the_app_is_told_who_asks_and_for_what(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("a") as [one]:
        app, instance = str(uuid.uuid4()), str(uuid.uuid4())
        await routed(
            edge,
            bus,
            endpoint(one.port, name, app=app, private_instance_id=instance, private_instance_index="3"),
        )
        answer = await ask(
            edge, name, "/a%20b//c/d;p?x=%2F", **{"x-forwarded-for": "192.0.2.1", "x-vcap-request-id": "mine"}
        )
        behind = (await ask(edge, name, **{"x-forwarded-proto": "https", "x-forwarded-host": "outer"})).json()
    seen = answer.json()
    headers = seen["headers"]
    assert seen["path"] == "/a%20b//c/d;p?x=%2F"
    assert headers["host"] == name
    assert headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == name
    assert abs(int(headers["x-request-start"]) / 1000 - time.time()) < 60
    assert uuid.UUID(headers["x-vcap-request-id"])
    assert answer.headers["x-vcap-request-id"] == headers["x-vcap-request-id"]
    assert headers["x-cf-applicationid"] == app
    assert headers["x-cf-instanceid"] == instance
    assert headers["x-cf-instanceindex"] == "3"
    assert behind["headers"]["x-forwarded-proto"] == "https"
    assert behind["headers"]["x-forwarded-host"] == "outer"


async def test_a_given_instance_can_be_asked(edge: Edge, bus: Bus) -> None:
    name, app = host(), str(uuid.uuid4())
    async with backends("0", "1") as all_:
        await routed(edge, bus, *(endpoint(one.port, name, app=app, private_instance_index=one.name) for one in all_))
        for index in ("1", "1", "0", "1"):
            answer = await ask(edge, name, **{"x-cf-app-instance": f"{app}:{index}"})
            assert answer.json()["name"] == index
            assert "x-cf-app-instance" not in answer.json()["headers"]
        missing = await ask(edge, name, **{"x-cf-app-instance": f"{app}:7"})
        bad = await ask(edge, name, **{"x-cf-app-instance": "seven"})
    assert (missing.status_code, missing.headers["x-cf-routererror"]) == (400, "unknown_route")
    assert (bad.status_code, bad.headers["x-cf-routererror"]) == (400, "invalid_cf_app_instance_header")


async def test_a_large_body_goes_through_and_a_chunked_one(edge: Edge, bus: Bus) -> None:
    name = host()
    body = bytes(5_000_000)

    async def pieces():
        for _ in range(50):
            yield bytes(100_000)

    async with backends("a") as [one], httpx2.AsyncClient(timeout=PATIENCE) as client:
        await routed(edge, bus, endpoint(one.port, name))
        whole = await client.post(edge.url, content=body, headers={"host": name})
        chunked = await client.post(edge.url, content=pieces(), headers={"host": name})
    assert whole.json()["size"] == len(body)
    assert chunked.json()["size"] == len(body)


async def test_connections_to_apps_are_kept_except_for_what_may_be_sent_once(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("a") as [one]:
        await routed(edge, bus, endpoint(one.port, name))
        for _ in range(20):
            await ask(edge, name)
        assert one.connections <= 2  # one of each worker
        before = one.connections
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            for _ in range(5):
                assert (await client.post(edge.url, content=b"x", headers={"host": name})).status_code == 200
        assert one.connections == before + 5


async def test_an_app_cannot_steer_the_router(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("a") as [one]:
        one.extra = ["X-Accel-Redirect: /health", "Server: mine", "X-Vcap-Request-Id: own"]
        await routed(edge, bus, endpoint(one.port, name))
        answer = await ask(edge, name, upgrade="h2c", connection="upgrade")
    assert answer.json()["name"] == "a"
    assert answer.headers["x-accel-redirect"] == "/health"
    assert answer.headers["server"] == "mine"
    assert answer.headers["x-vcap-request-id"] == "own"
    assert "upgrade" not in answer.json()["headers"]


async def test_a_session_stays_with_its_instance(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("a", "b", "c") as all_:
        for one in all_:
            one.extra = ["Set-Cookie: JSESSIONID=1; Secure; SameSite=Lax", "Set-Cookie: other=2"]
        messages = [endpoint(one.port, name, private_instance_id=f"id-{one.name}") for one in all_]
        await routed(edge, bus, *messages)
        first = await ask(edge, name)
        served = first.json()["name"]
        cookies = first.headers.get_list("set-cookie")
        assert cookies[:2] == ["JSESSIONID=1; Secure; SameSite=Lax", "other=2"]
        assert cookies[2] == f"__VCAP_ID__=id-{served}; Path=/; HttpOnly; SameSite=lax; Secure"
        for one in all_:
            one.extra = []
        kept = f"JSESSIONID=1; __VCAP_ID__=id-{served}"
        for _ in range(8):
            again = await ask(edge, name, cookie=kept)
            assert again.json()["name"] == served
            assert "set-cookie" not in again.headers
        # without the session cookie of the app it says nothing
        assert len({(await ask(edge, name, cookie=f"__VCAP_ID__=id-{served}")).json()["name"] for _ in range(12)}) == 3
        # its instance has gone: another one takes over, and the client is told
        [gone] = [one for one in all_ if one.name == served]
        await gone.stop()
        moved = await ask(edge, name, cookie=kept)
        assert moved.status_code == 200
        assert moved.json()["name"] != served
        assert moved.headers["set-cookie"] == f"__VCAP_ID__=id-{moved.json()['name']}; Path=/; HttpOnly"


async def test_an_app_that_does_not_answer_is_not_asked_twice(nats: object, edge: Edge, bus: Bus) -> None:
    del nats
    name = host()
    async with backends("a", "b") as all_:
        for one in all_:
            one.silent = True
        await routed(edge, bus, *(endpoint(one.port, name) for one in all_))
        # the fixture's router gives an app three seconds
        answer = await asyncio.to_thread(lambda: httpx2.get(edge.url, headers={"host": name}, timeout=2 * PATIENCE))
        assert answer.status_code == 504
        assert answer.headers["x-cf-routererror"] == "endpoint_failure"
        assert sorted(one.requests for one in all_) == [0, 1]


async def test_what_may_be_sent_once_is_sent_once(edge: Edge, bus: Bus) -> None:
    name = host()
    async with backends("cuts", "good") as [cuts, good], httpx2.AsyncClient(timeout=PATIENCE) as client:
        cuts.cuts = True
        await routed(edge, bus, endpoint(cuts.port, name), endpoint(good.port, name))
        seen = [(await client.post(edge.url, content=b"x", headers={"host": name})).status_code for _ in range(20)]
        assert set(seen) == {200, 502}
        assert seen.count(502) == cuts.requests
        assert seen.count(200) == good.requests
        # what may be repeated is
        before = cuts.requests
        async with asyncio.timeout(PATIENCE):
            while cuts.requests < before + 5:
                assert (await ask(edge, name)).status_code == 200


async def test_the_listing_wants_credentials(edge: Edge) -> None:
    for given in (None, ("router-status", "wrong"), ("other", "secret")):
        answer = await asyncio.to_thread(lambda given=given: httpx2.get(f"{edge.status}/routes", auth=given))
        assert answer.status_code == 401


async def test_figures(edge: Edge, bus: Bus) -> None:
    def figures() -> dict[str, float]:
        text = httpx2.get(f"{edge.status}/metrics", timeout=PATIENCE, verify=PLAIN).text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    before, name = figures(), host()
    async with backends("a") as [one]:
        await routed(edge, bus, endpoint(one.port, name))
        for _ in range(3):
            await ask(edge, name)
    await ask(edge, name)  # nobody is there any more
    good, bad, failed = (
        'router_responses_total{class="2xx"}',
        'router_responses_total{class="5xx"}',
        "router_endpoint_failures_total",
    )
    async with asyncio.timeout(PATIENCE):
        while (after := figures())[bad] < before[bad] + 1 or after[good] < before[good] + 3:
            await asyncio.sleep(0.1)
    assert after[failed] > before[failed]
    assert after["router_locator_up"] == after["router_ready"] == 1
    assert after["router_endpoints"] >= 1 <= after["router_routes"]
    assert after["router_connections"] >= 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_request_without_host(edge: Edge, version: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.config.nginx.port)
    writer.write(f"GET / HTTP/{version}\r\nconnection: close\r\n\r\n".encode())
    answer = (await asyncio.wait_for(reader.read(), PATIENCE)).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 400")
    if version == "1.0":  # HTTP/1.1 without a host is refused by nginx itself
        assert "X-Cf-RouterError: empty_host" in answer


async def test_an_endpoint_with_an_address_of_ipv6(edge: Edge, bus: Bus) -> None:
    name = host()
    one = Backend("six")
    await one.start(address="::1")
    try:
        await bus.publish("router.register", endpoint(one.port, name, host="::1"))
        async with asyncio.timeout(PATIENCE):
            while (answer := await ask(edge, name)).status_code == 404:
                await asyncio.sleep(0.05)
        assert answer.json()["name"] == "six"
    finally:
        await one.stop()
