"""Agents and wardens that die and come back, and a DEA that is emptied: instances serve on."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from paas.messages.dea import Find, Found, Shutdown, Stop

from tests.paas.dea.conftest import World
from tests.paas.dea.dea_process import SECONDS, Heard
from tests.paas.dea.test_dea_instances import get, provoke

pytestmark = pytest.mark.lab


async def find(world: World, app: str) -> list[Found]:
    return await world.bus.gather("dea.find.droplet", Find(droplet=app), Found, SECONDS, most=1)


async def test_a_killed_agent_finds_its_instances_again(world: World) -> None:
    app = await world.start()
    instance = await world.ear.state(app, "RUNNING")
    url = world.url(app)
    await world.ear.line(app, "begins")
    world.dea.end(signal.SIGKILL)
    assert await get(f"{url}/say-alone") == "hello"
    world.ear.beats.all.clear()
    world.dea.start()
    assert await world.ear.state(app, "RUNNING") == instance
    await world.ear.line(app, "alone")
    assert await get(f"{url}/say-again") == "hello"
    await world.ear.line(app, "again")
    said = [line.text for lines in world.ear.logs.all if lines.app == app for line in lines.lines]
    assert (said.count("alone"), said.count("again")) == (1, 1)
    assert not [one for one in world.ear.exits.all if one.droplet == app]
    await provoke(f"{url}/crash")
    assert (await world.ear.exits.one(lambda one: one.droplet == app)).exit_status == 7


async def test_an_end_in_the_agents_absence_is_told_afterwards(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")
    world.dea.end(signal.SIGKILL)
    await provoke(f"{world.url(app)}/crash")
    world.dea.start()
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.reason, exited.exit_status) == ("CRASHED", 7)


async def test_what_was_starting_when_the_agent_died_is_not_left_half_done(world: World) -> None:
    app = await world.start(env=["DELAY=100"])
    await world.ear.state(app, "STARTING")
    world.dea.end(signal.SIGKILL)
    world.dea.start()
    # it is either looked after further or told to have gone
    await world.bus.publish("dea.stop", Stop(droplet=app))
    stopped = asyncio.create_task(world.ear.exits.one(lambda one: one.droplet == app))
    while not stopped.done():
        await world.bus.publish("dea.stop", Stop(droplet=app))
        await asyncio.wait([stopped], timeout=0.5)
    assert stopped.result().reason in ("STOPPED", "DEA_SHUTDOWN")
    await world.empty()


async def test_containers_that_have_gone_are_told_at_the_next_start(world: World) -> None:
    app = await world.start()
    instance = await world.ear.state(app, "RUNNING")
    world.dea.end(signal.SIGKILL)
    await world.warden.client.destroy(instance)
    world.dea.start()
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.instance, exited.reason) == (instance, "DEA_SHUTDOWN")


async def test_a_killed_warden_is_not_noticed_by_instances(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")
    world.warden.kill()
    assert await get(f"{world.url(app)}/say-one") == "hello"
    await world.warden.start()
    await get(f"{world.url(app)}/say-two")
    await world.ear.line(app, "two")
    said = [line.text for lines in world.ear.logs.all if lines.app == app for line in lines.lines]
    assert [said.count(word) for word in ("begins", "one", "two")] == [1, 1, 1]
    assert [one.state for one in await find(world, app)] == ["RUNNING"]
    await provoke(f"{world.url(app)}/crash")
    assert (await world.ear.exits.one(lambda one: one.droplet == app)).reason == "CRASHED"


async def test_a_bus_that_comes_back_hears_all_again(world: World) -> None:
    app = await world.start()
    await world.ear.state(app, "RUNNING")
    world.ground.nats.stop()
    world.ear.routes.all.clear()
    world.ear.beats.all.clear()
    world.ground.nats.start()
    await world.ear.state(app, "RUNNING")
    await world.ear.routes.one(lambda route: route.app == app)
    await get(f"{world.url(app)}/say-after")
    await world.ear.line(app, "after")


async def test_emptied_a_dea_serves_until_others_run_in_its_place(world: World) -> None:
    other = world.another()
    other.start()
    await world.ear.offers.one(lambda offer: offer.id == other.id)
    downs = await Heard.on(world.bus, "dea.shutdown", Shutdown)
    app = await world.start()
    instance = await world.ear.state(app, "RUNNING")
    url = world.url(app)
    world.dea.send(signal.SIGUSR2)
    await downs.one(lambda down: down.id == world.dea.id and down.app_id_to_count == {app: 1})
    exited = await world.ear.exits.one(lambda one: one.droplet == app)
    assert (exited.instance, exited.reason) == (instance, "DEA_EVACUATION")
    assert await world.ear.state(app, "EVACUATING") == instance
    assert await get(url) == "hello"
    assert world.dea.status_file.read_text() == "left 1\n"
    refused = await world.start()
    assert (await world.ear.exits.one(lambda one: one.droplet == refused)).reason == "DEA_EVACUATION"
    await world.start(app, other.id)
    await world.ear.state(app, "RUNNING", dea=other.id)
    await world.ear.unroutes.one(lambda route: route.private_instance_id == instance)
    await status(world.dea.status_file, "done\n")
    assert await get(world.url(app)) == "hello"
    assert world.url(app) != url
    assert len([one for one in world.ear.exits.all if one.droplet == app]) == 1
    assert len(await world.warden.client.list()) == 1


async def test_emptied_alone_or_for_too_long_a_dea_stops_all(world: World) -> None:
    world.dea.end()
    dea = world.another(lonely_seconds=1)
    dea.start()
    await world.ear.offers.one(lambda offer: offer.id == dea.id)
    app = await world.start(dea=dea.id)
    await world.ear.state(app, "RUNNING")
    dea.send(signal.SIGUSR2)
    await status(dea.status_file, "done\n")
    await world.empty()


async def status(file: Path, text: str) -> None:
    async with asyncio.timeout(SECONDS):
        while not file.exists() or file.read_text() != text:
            await asyncio.sleep(0.05)
