"""The health manager's questions and orders, and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from paas.bus.client import Bus
from paas.messages.dea import Exited, Nothing
from paas.messages.health import BulkCredentials, DesiredPage, HealthStart, HealthStop

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push


@pytest.fixture
async def running(admin: Api, app: str, dea: DeaPeer, stager: StagerPeer) -> str:
    """An app with two instances, which run on `dea`."""
    await admin.post(f"/v3/apps/{app}/processes/web/actions/scale", {"instances": 2})
    await push(admin, app)
    await dea.until(lambda: len(dea.of(app)) == 2)
    return app


@asynccontextmanager
async def asking(bus: Bus, start: HealthStart) -> AsyncIterator[None]:
    """Ask again and again, as the health manager does: a question may come while the last start is being sent."""

    async def ask() -> None:
        while True:
            await bus.publish("health.start", start)
            await asyncio.sleep(0.5)

    task = asyncio.create_task(ask())
    try:
        yield
    finally:
        task.cancel()


async def version(admin: Api, app: str) -> str:
    return (await admin.get(f"/v3/processes/{app}"))["version"]


async def test_all_that_is_wanted_is_read_page_by_page(
    admin: Api, running: str, bus: Bus, controller: Controller
) -> None:
    credentials = await bus.request("cloudcontroller.bulk.credentials.default", Nothing(), BulkCredentials, 20)
    found = {}
    token = '{"id":0}'
    async with httpx2.AsyncClient(base_url=controller.url, trust_env=False, timeout=30) as http:
        assert (await http.get("/bulk/apps")).status_code == 401
        assert (await http.get("/bulk/apps", auth=(credentials.user, "wrong"))).status_code == 401
        while True:
            query = {"batch_size": "1", "bulk_token": token}
            answer = await http.get("/bulk/apps", params=query, auth=(credentials.user, credentials.password))
            page = DesiredPage(**answer.raise_for_status().json())
            if not page.results:
                break
            assert len(page.results) == 1
            found |= page.results
            token = f'{{"id":{page.bulk_token["id"]}}}'
    mine = found[running]
    assert (mine["instances"], mine["state"], mine["package_state"]) == (2, "STARTED", "STAGED")
    assert mine["version"] == await version(admin, running)


async def test_an_instance_that_is_missing_is_started_again(admin: Api, running: str, bus: Bus, dea: DeaPeer) -> None:
    now = await version(admin, running)
    dea.instances = [one for one in dea.instances if one.start.index != 1]
    async with asking(bus, HealthStart(droplet=running, version=now, last_updated=0, indices=[1], running={now: 1})):
        await dea.until(lambda: len(dea.of(running)) > 1)
    assert [one.start.index for one in dea.of(running)][:2] == [0, 1]


@pytest.mark.parametrize("why", ["version", "enough", "index", "gone"])
async def test_what_is_not_wanted_is_not_started(admin: Api, running: str, bus: Bus, dea: DeaPeer, why: str) -> None:
    now = await version(admin, running)
    ask = {"droplet": running, "version": now, "last_updated": 0.0, "indices": [1], "running": {now: 1}}
    ask |= {
        "version": {"version": "another"},
        "enough": {"running": {now: 2}},
        "index": {"indices": [2, 7]},
        "gone": {"droplet": "nobody"},
    }[why]
    await bus.publish("health.start", HealthStart(**ask))
    # what is asked afterwards is done afterwards: by then the first would have been seen
    async with asking(bus, HealthStart(droplet=running, version=now, last_updated=0, indices=[0], running={now: 0})):
        await dea.until(lambda: len(dea.of(running)) >= 3)
    assert {one.start.index for one in dea.of(running)[:-1]} == {0}


async def test_of_two_with_one_index_one_is_stopped_and_never_too_many(
    admin: Api, running: str, bus: Bus, dea: DeaPeer
) -> None:
    now = await version(admin, running)
    guids = [one.guid for one in dea.of(running)]
    many = {guid: now for guid in guids}
    await bus.publish(
        "health.stop", HealthStop(droplet=running, version=now, last_updated=0, instances=many, running={now: 3})
    )
    await dea.until(lambda: len(dea.of(running)) == 1)
    await bus.publish(
        "health.stop",
        HealthStop(droplet=running, version=now, last_updated=0, instances={guids[1]: now}, running={now: 2}),
    )
    await bus.publish(
        "health.stop",
        HealthStop(droplet="nobody", version="v", last_updated=0, instances={"i1": "v"}, running={"v": 1}),
    )
    await dea.until(lambda: any(stop.droplet == "nobody" for stop in dea.stops))
    assert len(dea.of(running)) == 1


async def test_a_crash_is_an_event_and_shows_in_the_stats(admin: Api, running: str, bus: Bus, dea: DeaPeer) -> None:
    now = await version(admin, running)
    instance = dea.of(running)[1]
    dea.instances.remove(instance)
    await bus.publish(
        "droplet.exited",
        Exited(
            droplet=running,
            version=now,
            instance=instance.guid,
            index=1,
            reason="CRASHED",
            exit_status=42,
            exit_description="app instance exited",
        ),
    )
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        listed = await admin.get("/v3/audit_events", target_guids=running, types="audit.app.process.crash")
        if listed["resources"]:
            break
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    assert listed["resources"][0]["data"]["exit_status"] == 42
    stats = (await admin.get(f"/v3/processes/{running}/stats"))["resources"]
    assert [one["state"] for one in stats] == ["RUNNING", "CRASHED"]
    assert stats[1]["details"] == "app instance exited"
