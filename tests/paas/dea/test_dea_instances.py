"""A DEA, its warden and its bus: instances are started, found, updated, stopped; they crash, and it is told why."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from paas.messages.dea import Find, Found, HealthCheck, Limits, Nothing, Status, Stop, Update
from paas.messages.router import Register, RouterStart

from tests.paas.dea.conftest import World

pytestmark = pytest.mark.lab


async def get(url: str) -> str:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(url, timeout=20)).text


async def provoke(url: str) -> None:
    with pytest.raises(httpx2.HTTPError):
        await get(url)


async def test_an_instance_is_started_routed_and_found(world: World) -> None:
    service = {"label": "postgres", "name": "db", "credentials": {"uri": "postgres://u:p@h/d"}}
    app = await world.start(env=["ANSWER=hi", "PORT=1"], services=[service], vcap_application={"space_name": "s"})
    instance = await world.ear.state(app, "RUNNING")
    assert await get(world.url(app)) == "hi"
    environment = httpx2.Response(200, text=await get(world.url(app) + "/env")).json()
    assert {key: environment[key] for key in ("PORT", "MEMORY_LIMIT", "HOME", "FROM_PROFILE", "INSTANCE_INDEX")} == {
        "PORT": "8080",
        "MEMORY_LIMIT": "96m",
        "HOME": "/home/vcap",
        "FROM_PROFILE": "yes",
        "INSTANCE_INDEX": "0",
    }
    assert environment["DATABASE_URL"] == "postgres://u:p@h/d"
    assert '"space_name":"s"' in environment["VCAP_APPLICATION"]
    assert environment["VCAP_SERVICES"].startswith('{"postgres":[{')
    [found] = await world.bus.gather("dea.find.droplet", Find(droplet=app, include_stats=True), Found, 20, most=1)
    assert (found.instance, found.state, found.dea) == (instance, "RUNNING", world.dea.id)
    assert found.stats is not None
    assert 1 << 20 < found.stats.usage.mem < found.stats.mem_quota == 96 << 20
    assert (await world.ear.line(app, "begins")).source == "APP/PROC/WEB"
    status = await world.bus.request("dea.status", Nothing(), Status, 20)
    assert (status.max_memory, status.reserved_memory) == (512, 96)
    assert "secret" not in world.dea.log + world.dea.snapshot
    assert "u:p" not in world.dea.log + world.dea.snapshot


async def test_an_update_changes_routes_and_a_stop_takes_them_away_first(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")
    await world.bus.publish("dea.update", Update(droplet=app, uris=["new.test"]))
    await world.ear.routes.one(lambda route: route.app == app and route.uris == ["new.test"])
    await world.ear.unroutes.one(lambda route: route.app == app and route.uris == [f"{app}.test"])
    await world.bus.publish("dea.stop", Stop(droplet=app, indices=[5]))
    await world.bus.publish("dea.stop", Stop(droplet=app))
    await world.ear.unroutes.one(lambda route: route.app == app and route.uris == ["new.test"])
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert exited.reason == "STOPPED"
    assert await world.ear.line(app, "ending")
    await world.empty()


async def test_a_crash_is_told_with_its_status_and_the_next_start_takes_its_place(world: World) -> None:
    app = await world.start()
    first = await world.ear.state(app, "RUNNING")
    await provoke(world.url(app) + "/crash")
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.instance, exited.reason, exited.exit_status) == (first, "CRASHED", 7)
    assert exited.exit_description == "exited with status 7"
    await world.ear.state(app, "CRASHED")
    assert (await world.ear.line(app, "exited with status 7")).source == "CELL"
    await world.ear.unroutes.one(lambda route: route.app == app)
    await world.start(app)
    second = await world.ear.state(app, "RUNNING")
    while second == first:
        world.ear.beats.all.clear()
        second = await world.ear.state(app, "RUNNING")
    assert [beat.instance for beat in world.ear.beats.all[-1].droplets] == [second]


async def test_a_memory_hog_is_told_as_one(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")
    await provoke(world.url(app) + "/hog")
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.reason, exited.exit_status) == ("CRASHED", 137)
    assert "out of memory" in exited.exit_description


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (HealthCheck(type="port", timeout=2), "failed to accept connections at its port within 2 s"),
        (HealthCheck(type="http", timeout=2, endpoint="/x"), "failed to answer 200 at /x within 2 s"),
    ],
)
async def test_what_does_not_come_up_is_ended(world: World, check: HealthCheck, words: str) -> None:
    app = await world.start(env=["DELAY=100"], health_check=check)
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.reason, exited.exit_description) == ("CRASHED", words)
    assert not [route for route in world.ear.routes.all if route.app == app]


async def test_what_answers_no_more_is_ended(world: World) -> None:
    app = await world.start(health_check=HealthCheck(type="http", endpoint="/health"))
    await world.ear.state(app, "RUNNING")
    assert await get(world.url(app) + "/ill") == "hello"
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert exited.exit_description == "stopped answering 200 at /health"


async def test_a_worker_has_no_port_and_runs_at_once(world: World) -> None:
    app = await world.start(process_type="worker", uris=[], health_check=HealthCheck(type="process"))
    await world.ear.state(app, "RUNNING")
    assert not [route for route in world.ear.routes.all if route.app == app]
    await world.bus.publish("dea.stop", Stop(droplet=app, version="v1", indices=[0], states=["RUNNING"]))
    assert (await world.ear.exits.one(lambda one: one.droplet == app)).reason == "STOPPED"


async def test_a_task_ends_by_itself_and_its_status_is_told(world: World) -> None:
    for command, reason, status in (("echo done", "STOPPED", 0), ("exit 3", "CRASHED", 3)):
        app = await world.start(task=True, name="migrate", start_command=command)
        exited = await world.ear.exits.one(lambda one, app=app: one.droplet == app)
        assert (exited.reason, exited.exit_status, exited.task) == (reason, status, True)
    first = next(lines for lines in world.ear.logs.all if any(line.text == "done" for line in lines.lines))
    assert first.source == "APP/TASK/migrate"
    app = await world.start(task=True, start_command="sleep 1000")
    await world.ear.state(app, "RUNNING")
    await world.bus.publish("dea.stop", Stop(droplet=app))
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.reason, exited.exit_status) == ("STOPPED", 143)


async def test_what_cannot_be_started_is_told_why(world: World) -> None:
    cases = {
        "there is no stack other here, but tiny": {"stack": "other"},
        "insufficient resources: 1024 MB of memory wanted, 512 MB are left": {"limits": Limits(mem=1024, disk=64)},
        f"the blobstore answers 404 for droplet {'0' * 64}": {
            "sha1": "0" * 64,
            "executable_uri": f"{world.ground.droplets}/none",
        },
        "is no digest of a droplet": {"sha1": "../x"},
        "neither the app nor its droplet names one for the process web": {
            "sha1": world.ground.bare,
            "executable_uri": f"{world.ground.droplets}/{world.ground.bare}",
        },
        "a rule of a security group cannot be understood": {
            "egress_network_rules": [{"protocol": "gopher", "destination": "1.2.3.4"}]
        },
        "is no address, no CIDR": {"egress_network_rules": [{"protocol": "tcp", "destination": "nowhere"}]},
    }
    for words, more in cases.items():
        app = await world.start(**more)
        exited = await world.ear.exits.one(lambda one, app=app: one.droplet == app)
        assert exited.reason == "CRASHED"
        assert words in exited.exit_description
    await world.empty()


async def test_a_stop_in_the_middle_of_a_start_leaves_nothing(world: World) -> None:
    app = await world.start(env=["DELAY=100"])
    await world.ear.state(app, "STARTING")
    await world.bus.publish("dea.stop", Stop(droplet=app))
    assert (await world.ear.exits.one(lambda one: one.droplet == app)).reason == "STOPPED"
    await world.empty()


async def test_the_same_start_twice_is_one_instance(world: World) -> None:
    app = await world.start()
    await world.start(app)
    await world.ear.state(app, "RUNNING")
    found = await world.bus.gather("dea.find.droplet", Find(droplet=app), Found, 2)
    assert len(found) == 1


async def test_a_router_that_starts_hears_the_routes_at_once_and_at_its_interval(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")

    async def times(count: int) -> list[Register]:
        while len(known := [one for one in world.ear.routes.all if one.app == app]) < count:
            await asyncio.sleep(0.05)
        return known

    assert len(await times(1)) == 1
    await world.bus.publish("router.start", RouterStart(id="r", interval=1))
    routes = await asyncio.wait_for(times(4), 30)
    assert {(one.port, one.private_instance_index) for one in routes} == {(routes[0].port, "0")}


async def test_what_changes_and_what_is_asked_for_is_told_at_once(world: World) -> None:
    dea = world.another(advertise_seconds=1000, heartbeat_seconds=1000)
    dea.start()
    first = await world.ear.offers.one(lambda offer: offer.id == dea.id)
    assert (first.available_memory, first.available_disk, first.stacks) == (512, 1024, ["tiny"])
    for subject, heard in (("dea.locate", world.ear.offers), ("healthmanager.start", world.ear.beats)):
        heard.all.clear()
        await world.bus.publish(subject, Nothing())
        await heard.one(lambda said: dea.id in (getattr(said, "id", ""), getattr(said, "dea", "")))
    app = await world.start(dea=dea.id)
    await world.ear.state(app, "RUNNING", dea=dea.id)
    offer = await world.ear.offers.one(lambda offer: offer.id == dea.id and offer.app_id_to_count == {app: 1})
    assert (offer.available_memory, offer.available_disk) == (512 - 96, 1024 - 64)


async def test_an_instances_files_are_served_under_a_signed_address(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")
    [found] = await world.bus.gather("dea.find.droplet", Find(droplet=app), Found, 20, most=1)
    assert await get(found.file_uri_v2 + "&path=/app") == "main.py\n"
    assert (await get(found.file_uri_v2 + "&path=app/main.py")).startswith("import http.server")
    assert "No such file" in await get(found.file_uri_v2 + "&path=/nothing")
    assert "not valid" in await get(found.file_uri_v2.replace("signature=", "signature=0"))
    assert await get(f"http://127.0.0.1:{world.dea.port}/healthz") == "ok\n"
