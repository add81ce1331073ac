"""The health manager's process with a real bus, a real database for its lease, and pages that it reads over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from paas.bus.client import Bus, BusConfig
from paas.messages.dea import Exited, Updated
from paas.messages.health import (
    AppQuestion,
    AppsQuestion,
    CrashedInstances,
    Flapping,
    HealthStart,
    HealthStop,
    Healthy,
    KnownApp,
    StatusQuestion,
)

from tests.paas.bus.nats_server import NatsServer
from tests.paas.database.database_place import own_database
from tests.paas.health_manager.platform import PATIENCE, Controller, Deas, manager

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer


@dataclass
class Stage:
    """All around the health manager."""

    directory: Path
    server: NatsServer
    bus: Bus
    controller: Controller
    deas: Deas

    async def start(self) -> HealthStart:
        """The next start that is asked for."""
        return await asyncio.wait_for(self.deas.starts.get(), PATIENCE)

    async def stop(self) -> HealthStop:
        return await asyncio.wait_for(self.deas.stops.get(), PATIENCE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer.running(tmp_path) as one:
        yield one


@pytest.fixture
async def stage(server: NatsServer, tmp_path: Path) -> AsyncIterator[Stage]:
    bus = await Bus.connect(BusConfig(servers=[server.url]), "test")
    try:
        async with Controller().serving(bus) as controller, Deas(bus).beating() as deas:
            deas.instances["d1"] = {}
            yield Stage(tmp_path, server, bus, controller, deas)
    finally:
        await bus.close()


def exited(guid: str, app: str, index: int, reason: str = "CRASHED") -> dict[str, object]:
    return {
        "droplet": app,
        "version": "v1",
        "instance": guid,
        "index": index,
        "reason": reason,
        "exit_status": 1,
        "crash_timestamp": 12.5,
    }


async def test_from_missing_to_crashing(stage: Stage) -> None:
    controller, deas = stage.controller, stage.deas
    for app in ("a", "b", "c", "d"):  # two pages and a half
        controller.want(app)
        deas.run("d1", app, 0)
    controller.want("e", 2)
    with manager(stage.directory, stage.server.url, controller) as hm:
        await asyncio.wait_for(deas.asked.get(), PATIENCE)
        await hm.until(apps_wanted=5, desired_trusted=1, actual_available=1, deas=1)
        missing = await stage.start()
        assert (missing.droplet, missing.version, missing.indices) == ("e", "v1", [0, 1])
        assert (missing.last_updated, missing.flapping, missing.running) == (7, False, {})
        guid = deas.run("d1", "e", 0)
        deas.run("d1", "e", 1)
        await hm.until(instances_up=6)

        # it crashes: at once it is asked for again, the second time after a while
        for flapping in (False, True):
            del deas.instances["d1"][guid]
            await stage.bus.publish("droplet.exited", exited(guid, "e", 0))
            again = await stage.start()
            assert (again.droplet, again.indices, again.flapping) == ("e", [0], flapping)
            deas.run("d1", "e", 0)
            await hm.until(instances_up=6)

        # questions
        flapping = await stage.bus.request(
            "healthmanager.status", StatusQuestion(droplet="e", state="FLAPPING", version="v1"), Flapping, PATIENCE
        )
        assert [(one.index, one.since) for one in flapping.indices] == [(0, 12.5)]
        crashed = await stage.bus.request(
            "healthmanager.status", StatusQuestion(droplet="e", state="CRASHED"), CrashedInstances, PATIENCE
        )
        assert [one.instance for one in crashed.instances] == [guid]
        asked = AppsQuestion(droplets=[AppQuestion(droplet=app, version="v1") for app in ("a", "e", "unknown")])
        healthy = await stage.bus.gather("healthmanager.health", asked, Healthy, PATIENCE, most=2)
        assert [(one.droplet, one.healthy) for one in healthy] == [("a", 1), ("e", 2)]
        known = await stage.bus.request(
            "healthmanager.droplet", AppsQuestion(droplets=[AppQuestion(droplet="e")]), KnownApp, PATIENCE
        )
        assert (known.num_instances, known.crashes, len(known.instances)) == (2, {"0": 2}, 2)

        # too many
        stray = deas.run("d1", "a", 5)
        stopped = await stage.stop()
        assert (stopped.droplet, stopped.instances, stopped.running) == ("a", {stray: "v1"}, {"v1": 2})


async def test_a_dea_falls_silent(stage: Stage) -> None:
    controller, deas = stage.controller, stage.deas
    controller.want("a", 2)
    deas.run("d1", "a", 0)
    deas.run("d2", "a", 1)
    with manager(stage.directory, stage.server.url, controller) as hm:
        await hm.until(instances_up=2, apps_wanted=1)
        del deas.instances["d2"]
        lost = await stage.start()
        assert (lost.indices, lost.running) == ([1], {"v1": 1})
        await stage.bus.publish("droplet.exited", exited("a-v1-0-d1", "a", 0, "DEA_EVACUATION"))
        del deas.instances["d1"]["a-v1-0-d1"]
        assert (await stage.start()).indices == [0]


async def test_a_change_is_read_at_once_and_with_new_credentials(stage: Stage) -> None:
    controller = stage.controller
    with manager(stage.directory, stage.server.url, controller) as hm:
        await hm.until(desired_trusted=1, apps_wanted=0)
        controller.password = "second"
        controller.want("a")
        await stage.bus.publish("droplet.updated", Updated(droplet="a"))
        await hm.until(apps_wanted=1)
        controller.fail = 2
        controller.want("b")
        await hm.until(apps_wanted=2)
        controller.wanted.pop("a")
        await hm.until(apps_wanted=1)


async def test_the_bus_is_away_for_a_while(stage: Stage) -> None:
    controller, deas = stage.controller, stage.deas
    controller.want("a", 2)
    deas.run("d1", "a", 0)
    deas.run("d2", "a", 1)
    with manager(stage.directory, stage.server.url, controller) as hm:
        await asyncio.wait_for(deas.asked.get(), PATIENCE)
        await hm.until(instances_up=2, apps_wanted=1, actual_available=1)
        stage.server.stop()
        await hm.until(actual_available=0)
        ends = asyncio.get_running_loop().time() + 6
        while asyncio.get_running_loop().time() < ends:
            assert (await hm.figures())["instances_up"] == 2
            await asyncio.sleep(0.2)
        stage.server.start()
        await hm.until(instances_up=2, actual_available=1, deas=2)
        # as long as it would take for one to be missed
        await asyncio.sleep(8)
        assert deas.starts.empty()
        assert deas.stops.empty()


async def test_of_two_one_acts_and_the_other_follows(stage: Stage, postgres: PostgresServer) -> None:
    controller, deas = stage.controller, stage.deas
    controller.want("a", 1)
    guid = deas.run("d1", "a", 0)
    with own_database(postgres) as place, manager(stage.directory, stage.server.url, controller, "1", place) as one:
        await one.until(leader=1, instances_up=1, apps_wanted=1)
        with manager(stage.directory, stage.server.url, controller, "2", place) as two:
            await two.until(leader=0, instances_up=1, apps_wanted=1, actual_available=1)
            del deas.instances["d1"][guid]
            await stage.bus.publish("droplet.exited", exited(guid, "a", 0))
            assert (await stage.start()).indices == [0]
            deas.run("d1", "a", 0)
            await one.until(leader=1)
            await two.until(leader=0)
            assert deas.starts.empty()
            one.kill()
            await two.until(leader=1, instances_up=1)
            del deas.instances["d1"][guid]
            await stage.bus.publish("droplet.exited", exited(guid, "a", 0))
            assert (await stage.start()).indices == [0]
            # a database that is away: nobody knows who acts, so nobody does
            postgres.kill()
            try:
                await two.until(leader=0)
            finally:
                postgres.start()
            await two.until(leader=1)


def test_exited_is_of_the_bus() -> None:
    """The messages of these tests are those of the components."""
    import msgspec

    assert msgspec.convert(exited("i", "a", 0), Exited).reason == "CRASHED"
