"""Revisions: what ran of an app is remembered, and runs again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push, zipped


@pytest.fixture
async def running(admin: Api, app: str, dea: DeaPeer, stager: StagerPeer) -> str:
    """An app that runs on `dea`."""
    await admin.patch(f"/v3/apps/{app}/environment_variables", {"var": {"A": "1"}})
    await push(admin, app)
    await dea.until(lambda: len(dea.of(app)) == 1)
    return app


async def listed(admin: Api, app: str, **query: str) -> list[tuple[int, str]]:
    found = await admin.get(f"/v3/apps/{app}/revisions", order_by="version", **query)
    return [(one["version"], one["description"]) for one in found["resources"]]


async def deployed(admin: Api, deployment: str) -> None:
    deadline = time.monotonic() + 60
    while (await admin.get(f"/v3/deployments/{deployment}"))["state"] != "DEPLOYED":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def running_version(admin: Api, app: str) -> list[int]:
    return [one["version"] for one in (await admin.get(f"/v3/apps/{app}/revisions/deployed"))["resources"]]


async def test_what_runs_is_remembered_and_runs_again(admin: Api, running: str, dea: DeaPeer) -> None:
    assert await listed(admin, running) == [(1, "Initial revision.")]
    await admin.post(f"/v3/apps/{running}/actions/restart")
    assert len(await listed(admin, running)) == 1
    await admin.patch(f"/v3/apps/{running}/environment_variables", {"var": {"A": "2"}})
    await admin.patch(f"/v3/processes/{running}", {"command": "other"})
    await admin.post(f"/v3/apps/{running}/actions/restart")
    words = "New environment variables deployed. Custom start command added for 'web' process."
    assert (await listed(admin, running))[1:] == [(2, words)]
    await push(admin, running, zipped(index__html="second"))
    assert (await listed(admin, running))[2:] == [(3, "New droplet deployed.")]
    assert await running_version(admin, running) == [3]

    first = (await admin.get(f"/v3/apps/{running}/revisions", versions="1"))["resources"][0]
    assert first["deployable"] is True
    assert (await admin.get(f"/v3/revisions/{first['guid']}/environment_variables"))["var"] == {"A": "1"}
    body: dict[str, Any] = {"relationships": {"app": {"data": {"guid": running}}}, "revision": {"guid": first["guid"]}}
    deployment = await admin.post("/v3/deployments", body)
    await deployed(admin, deployment["guid"])
    assert (await listed(admin, running))[3:] == [(4, "Rolled back to revision 1.")]
    new = deployment["new_processes"][0]["guid"]
    await dea.until(lambda: len(dea.of(new)) == 1 and not dea.of(running))
    start = dea.of(new)[0].start
    assert (start.env, start.start_command) == (["A=1"], "nginx -c nginx.conf")
    assert await running_version(admin, running) == [4]


async def test_a_revision_without_its_droplet_is_not_deployed(
    admin: Api, running: str, dea: DeaPeer, stager: StagerPeer
) -> None:
    old = (await admin.get(f"/v3/apps/{running}/droplets/current"))["guid"]
    await push(admin, running, zipped(index__html="second"))
    await admin.delete(f"/v3/droplets/{old}")
    assert [version for version, _ in await listed(admin, running, deployable="false")] == [1]
    first = (await admin.get(f"/v3/apps/{running}/revisions", versions="1"))["resources"][0]["guid"]
    body = {"relationships": {"app": {"data": {"guid": running}}}, "revision": {"guid": first}}
    assert "no longer exists" in (await admin.fail(422, "POST", "/v3/deployments", body))["detail"]
    assert (await admin.fail(404, "GET", "/v3/revisions/none"))["detail"] == "Revision not found"


async def test_an_app_may_do_without(admin: Api, app: str, dea: DeaPeer, stager: StagerPeer) -> None:
    await admin.patch(f"/v3/apps/{app}/features/revisions", {"enabled": False})
    await push(admin, app)
    assert await listed(admin, app) == []
