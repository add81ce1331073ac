"""Deployments: new instances take the place of old ones while enough of them run at every moment."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.peers import DeaPeer, Instance, StagerPeer
from tests.paas.cloud_controller.pushing import push, stage, upload_package, zipped

WANTED = 3


@pytest.fixture
async def running(admin: Api, app: str, dea: DeaPeer, stager: StagerPeer) -> str:
    """An app whose instances run on `dea`."""
    await admin.post(f"/v3/apps/{app}/processes/web/actions/scale", {"instances": WANTED})
    await push(admin, app)
    await dea.until(lambda: len(dea.of(app)) == WANTED)
    return app


@pytest.fixture
async def droplet(admin: Api, running: str) -> str:
    """Another droplet of the app."""
    package = await upload_package(admin, running, zipped(index__html="<h1>second</h1>"))
    return (await stage(admin, package["guid"]))["droplet"]["guid"]


async def deploy(admin: Api, app: str, **more: Any) -> dict[str, Any]:
    return await admin.post("/v3/deployments", {"relationships": {"app": {"data": {"guid": app}}}, **more})


async def comes_to(admin: Api, deployment: str, *reasons: str) -> dict[str, Any]:
    """Wait until the status has one of these reasons."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = await admin.get(f"/v3/deployments/{deployment}")
        if found["status"]["reason"] in reasons:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found}")


def new(dea: DeaPeer, deployment: dict[str, Any]) -> list[Instance]:
    return dea.of(deployment["new_processes"][0]["guid"])


async def test_a_rolling_deployment_never_has_too_few_instances(
    admin: Api, running: str, droplet: str, dea: DeaPeer
) -> None:
    least = WANTED

    def count() -> bool:
        nonlocal least
        least = min(least, len([one for one in dea.instances if one.start.app == running]))
        return False

    watching = asyncio.create_task(dea.until(count))
    deployment = await deploy(admin, running, droplet={"guid": droplet})
    assert (deployment["state"], deployment["status"]["value"]) == ("DEPLOYING", "ACTIVE")
    ended = await comes_to(admin, deployment["guid"], "DEPLOYED")
    assert (ended["state"], ended["status"]["value"]) == ("DEPLOYED", "FINALIZED")
    process = deployment["new_processes"][0]["guid"]
    await dea.until(lambda: len(dea.of(process)) == WANTED and not dea.of(running))
    watching.cancel()
    assert least == WANTED
    sha = (await admin.get(f"/v3/droplets/{droplet}"))["checksum"]["value"]
    assert {one.start.sha1 for one in dea.of(process)} == {sha}
    web = await admin.get(f"/v3/apps/{running}/processes/web")
    assert (web["guid"], web["instances"]) == (process, WANTED)
    assert (await admin.get(f"/v3/apps/{running}/relationships/current_droplet"))["data"]["guid"] == droplet
    assert (await admin.get(f"/v3/apps/{running}/processes"))["pagination"]["total_results"] == 1


async def test_a_deployment_that_fails_keeps_the_old_instances_and_is_canceled(
    admin: Api, running: str, droplet: str, dea: DeaPeer
) -> None:
    old = (await admin.get(f"/v3/apps/{running}/relationships/current_droplet"))["data"]["guid"]
    dea.comes_up = False
    deployment = await deploy(admin, running, droplet={"guid": droplet})
    await dea.until(lambda: len(new(dea, deployment)) == 1)
    assert len(dea.of(running, "RUNNING")) == WANTED
    error = await admin.fail(422, "POST", f"/v3/apps/{running}/processes/web/actions/scale", {"instances": WANTED + 1})
    assert "deployment is in flight" in error["detail"]
    await admin.post(f"/v3/deployments/{deployment['guid']}/actions/cancel")
    ended = await comes_to(admin, deployment["guid"], "CANCELED")
    assert ended["status"]["value"] == "FINALIZED"
    await dea.until(lambda: not new(dea, deployment))
    assert len(dea.of(running, "RUNNING")) == WANTED
    assert (await admin.get(f"/v3/apps/{running}/relationships/current_droplet"))["data"]["guid"] == old
    error = await admin.fail(422, "POST", f"/v3/deployments/{deployment['guid']}/actions/cancel")
    assert error["detail"] == "Cannot cancel a CANCELED deployment"


async def test_a_deployment_half_way_is_rolled_back(admin: Api, running: str, droplet: str, dea: DeaPeer) -> None:
    deployment = await deploy(admin, running, droplet={"guid": droplet})
    await dea.until(lambda: len(new(dea, deployment)) >= 1)
    dea.comes_up = False
    await dea.until(lambda: len(dea.of(running)) < WANTED)
    await admin.post(f"/v3/deployments/{deployment['guid']}/actions/cancel")
    dea.comes_up = True
    await comes_to(admin, deployment["guid"], "CANCELED")
    await dea.until(lambda: not new(dea, deployment) and len(dea.of(running)) == WANTED)


async def test_a_canary_pauses_until_it_is_told_to_go_on(admin: Api, running: str, droplet: str, dea: DeaPeer) -> None:
    options = {"canary": {"steps": [{"instance_weight": 10}, {"instance_weight": 60}]}, "max_in_flight": 5}
    deployment = await deploy(admin, running, droplet={"guid": droplet}, strategy="canary", options=options)
    guid = deployment["guid"]
    paused = await comes_to(admin, guid, "PAUSED")
    assert paused["status"]["canary"]["steps"] == {"current": 1, "total": 2}
    # what it stops in the same breath may be told to the DEAs a moment later
    await dea.until(lambda: (len(new(dea, deployment)), len(dea.of(running))) == (1, WANTED - 1))
    await admin.post(f"/v3/deployments/{guid}/actions/continue")
    await dea.until(lambda: len(new(dea, deployment)) == 2)
    await comes_to(admin, guid, "PAUSED")
    await admin.post(f"/v3/deployments/{guid}/actions/continue")
    await comes_to(admin, guid, "DEPLOYED")
    await dea.until(lambda: len(new(dea, deployment)) == WANTED and not dea.of(running))


async def test_a_deployment_brings_another_size_and_number(
    admin: Api, running: str, droplet: str, dea: DeaPeer
) -> None:
    options = {"web_instances": WANTED - 1, "memory_in_mb": 96, "disk_in_mb": 200, "max_in_flight": 2}
    deployment = await deploy(admin, running, droplet={"guid": droplet}, options=options)
    assert deployment["options"] == options
    await comes_to(admin, deployment["guid"], "DEPLOYED")
    await dea.until(lambda: len(new(dea, deployment)) == WANTED - 1 and not dea.of(running))
    web = await admin.get(f"/v3/apps/{running}/processes/web")
    assert (web["instances"], web["memory_in_mb"], web["disk_in_mb"]) == (WANTED - 1, 96, 200)
    assert {one.start.limits.mem for one in new(dea, deployment)} == {96}


async def test_a_canceled_deployment_leaves_size_and_number_as_they_were(
    admin: Api, running: str, droplet: str, dea: DeaPeer
) -> None:
    before = await admin.get(f"/v3/apps/{running}/processes/web")
    options = {"web_instances": 1, "memory_in_mb": 96}
    deployment = await deploy(admin, running, droplet={"guid": droplet}, strategy="canary", options=options)
    dea.comes_up = False
    await admin.post(f"/v3/deployments/{deployment['guid']}/actions/cancel")
    dea.comes_up = True
    await comes_to(admin, deployment["guid"], "CANCELED")
    await dea.until(lambda: not new(dea, deployment) and len(dea.of(running)) == WANTED)
    web = await admin.get(f"/v3/apps/{running}/processes/web")
    assert (web["instances"], web["memory_in_mb"]) == (WANTED, before["memory_in_mb"])


async def test_one_deployment_overtakes_another(admin: Api, running: str, droplet: str, dea: DeaPeer) -> None:
    dea.comes_up = False
    first = await deploy(admin, running)
    await dea.until(lambda: len(new(dea, first)) == 1)
    dea.comes_up = True
    second = await deploy(admin, running, droplet={"guid": droplet}, options={"max_in_flight": 2})
    assert (await admin.get(f"/v3/deployments/{first['guid']}"))["status"]["reason"] == "SUPERSEDED"
    await comes_to(admin, second["guid"], "DEPLOYED")
    await dea.until(lambda: len(new(dea, second)) == WANTED and not dea.of(running) and not new(dea, first))


async def test_a_stopped_app_is_started_by_its_deployment(admin: Api, running: str, droplet: str, dea: DeaPeer) -> None:
    await admin.post(f"/v3/apps/{running}/actions/stop")
    await dea.until(lambda: not dea.of(running))
    deployment = await deploy(admin, running, droplet={"guid": droplet})
    assert deployment["status"]["reason"] == "DEPLOYED"
    await dea.until(lambda: len(dea.of(running)) == WANTED)


async def test_a_stopped_app_is_started_in_the_size_of_its_deployment(
    admin: Api, running: str, droplet: str, dea: DeaPeer
) -> None:
    await admin.post(f"/v3/apps/{running}/actions/stop")
    await dea.until(lambda: not dea.of(running))
    await deploy(admin, running, droplet={"guid": droplet}, options={"web_instances": 2, "memory_in_mb": 96})
    await dea.until(lambda: len(dea.of(running)) == 2)
    assert {one.start.limits.mem for one in dea.of(running)} == {96}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"web_instances": -1}, "Instances must be greater than or equal to 0"),
        ({"memory_in_mb": 0}, "Memory must be greater than or equal to 1"),
        ({"disk_in_mb": 10**9}, "Disk must be less than or equal to"),
        ({"memory_in_mb": "much"}, "options.memory_in_mb"),
        ({"web_instances": 10**6}, "Instances must be less than or equal to"),
    ],
)
async def test_a_size_that_cannot_be_is_refused(admin: Api, running: str, options: dict[str, Any], told: str) -> None:
    body = {"relationships": {"app": {"data": {"guid": running}}}, "options": options}
    error = await admin.fail(422, "POST", "/v3/deployments", body)
    assert told in error["detail"]
    assert (await admin.get("/v3/deployments", app_guids=running))["resources"] == []


async def test_a_size_beyond_the_quota_is_refused(admin: Api, running: str, space: str) -> None:
    organization = (await admin.get(f"/v3/spaces/{space}"))["relationships"]["organization"]["data"]["guid"]
    body = {
        "name": tenants.name("small"),
        "apps": {"total_instances": WANTED},
        "relationships": {"organization": tenants.to(organization), "spaces": {"data": [{"guid": space}]}},
    }
    await admin.post("/v3/space_quotas", body)
    body = {"relationships": {"app": {"data": {"guid": running}}}, "options": {"web_instances": WANTED + 1}}
    assert "space_app_instance_limit_exceeded" in (await admin.fail(422, "POST", "/v3/deployments", body))["detail"]


async def test_what_cannot_be_deployed_is_refused(admin: Api, app: str) -> None:
    relationships = {"app": {"data": {"guid": app}}}
    error = await admin.fail(422, "POST", "/v3/deployments", {"relationships": relationships})
    assert "Invalid droplet" in error["detail"]
    body = {"relationships": relationships, "options": {"max_in_flight": 0}}
    assert "Max in flight" in (await admin.fail(422, "POST", "/v3/deployments", body))["detail"]
    assert (await admin.fail(404, "GET", "/v3/deployments/none"))["detail"] == "Deployment not found"
