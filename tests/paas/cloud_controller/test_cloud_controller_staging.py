"""Stagings that fail, hang, or whose stager or worker dies."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from paas.bus.client import Bus, Message
from paas.messages.log import LogLines
from paas.messages.staging import StageReply

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import running, settings
from tests.paas.cloud_controller.keys_peer import ADMIN_SCOPES, KeysPeer
from tests.paas.cloud_controller.peers import StagerPeer, alive, on_bus, until
from tests.paas.cloud_controller.pushing import upload_package, wait_for, zipped


async def begin(api: Api, app: str, **more: Any) -> str:
    """A build that has begun."""
    package = await upload_package(api, app, zipped(index__html="x"))
    return (await api.post("/v3/builds", {"package": {"guid": package["guid"]}, **more}))["guid"]


async def ended(api: Api, build: str) -> dict[str, Any]:
    return await wait_for(api, f"/v3/builds/{build}", ("STAGED", "FAILED"), bad=())


async def test_a_stager_is_asked_with_everything_it_needs(admin: Api, app: str, stager: StagerPeer) -> None:
    await admin.patch(f"/v3/apps/{app}/environment_variables", {"var": {"KEY": "value"}})
    build = await begin(admin, app, staging_memory_in_mb=512)
    assert (await ended(admin, build))["state"] == "STAGED"
    request = next(one for one in stager.requests if one.app_id == app)
    assert request.properties.environment == ["KEY=value"]
    assert request.properties.resources.memory == 512
    assert request.stack == "cflinuxfs-deb12"
    assert [one.name for one in request.admin_buildpacks] == ["static_buildpack"]
    assert request.properties.meta["vcap_application"]["application_id"] == app
    assert app in stager.stops


async def test_what_the_stager_says_went_wrong_is_shown(admin: Api, app: str, stager: StagerPeer) -> None:
    def fail(request: Any) -> StageReply:
        kind, words = "NoAppDetectedError", "An app was not successfully detected by any available buildpack"
        return StageReply(task_id=request.task_id, finished=True, error=words, error_type=kind)

    stager.answer = fail
    build = await ended(admin, await begin(admin, app))
    assert build["state"] == "FAILED"
    expected = "NoAppDetectedError - An app was not successfully detected by any available buildpack"
    assert build["error"] == expected
    assert (await admin.fail(404, "GET", f"/v3/apps/{app}/droplets/current"))["detail"] == "Droplet not found"
    assert (await admin.fail(422, "POST", f"/v3/apps/{app}/actions/start"))["detail"] == (
        "Assign a droplet before starting this app."
    )
    listed = await admin.get("/v3/audit_events", target_guids=app, types="audit.app.build.failed")
    assert listed["pagination"]["total_results"] == 1


async def test_a_new_build_ends_the_one_before(admin: Api, app: str, stager: StagerPeer) -> None:
    stager.hold = asyncio.Event()
    first = await begin(admin, app)
    await until(stager.changed, lambda: any(one.app_id == app for one in stager.requests))
    second = await begin(admin, app)
    assert "Another build" in (await ended(admin, first))["error"]
    stager.hold.set()
    assert (await ended(admin, second))["state"] == "STAGED"


async def test_a_buildpack_that_is_not_there_is_named(admin: Api, app: str, stager: StagerPeer) -> None:
    package = await upload_package(admin, app, zipped(index__html="x"))
    lifecycle = {"type": "buildpack", "data": {"buildpacks": ["none-such"]}}
    body = {"package": {"guid": package["guid"]}, "lifecycle": lifecycle}
    error = await admin.fail(422, "POST", "/v3/builds", body)
    assert "Buildpack must be an existing admin buildpack or a valid git URI" in error["detail"]
    lifecycle["data"] = {"buildpacks": ["https://example.test/pack.git"]}
    build = await admin.post("/v3/builds", {"package": {"guid": package["guid"]}, "lifecycle": lifecycle})
    await ended(admin, build["guid"])
    assert stager.requests[-1].properties.buildpacks == ["https://example.test/pack.git"]


async def test_where_a_stager_dies_another_one_stages(
    tmp_path: Path, postgres: PostgresServer, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode, bus: Bus
) -> None:
    config = settings(tmp_path, postgres, nats, keys, blobs)
    config["intervals"]["advertisement"] = 2.5
    logged: asyncio.Queue[str] = asyncio.Queue()

    async def log(message: Message[LogLines]) -> None:
        for line in message.body.lines:
            await logged.put(f"{message.body.source} {line.text}")

    with running(tmp_path, config) as controller:
        async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api:
            app = await new_app(api)
            await bus.subscribe(f"log.{app}", LogLines, log)
            async with on_bus(nats.url) as mortal:
                dying = StagerPeer(mortal, "dying", hold=asyncio.Event())
                async with alive(dying):
                    build = await begin(api, app)
                    await until(dying.changed, lambda: bool(dying.requests))
            other = StagerPeer(bus, "other")
            async with alive(other):
                assert (await ended(api, build))["state"] == "STAGED"
            assert [one.app_id for one in other.requests] == [app]
            assert "STG The stager is gone" in await asyncio.wait_for(logged.get(), 20)


async def test_where_the_worker_dies_another_one_goes_on(
    tmp_path: Path, postgres: PostgresServer, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode, bus: Bus
) -> None:
    config = settings(tmp_path, postgres, nats, keys, blobs)
    stager = StagerPeer(bus, "patient", hold=asyncio.Event())
    with running(tmp_path, config) as first:
        async with Api(first.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api, alive(stager):
            app = await new_app(api)
            build = await begin(api, app)
            await until(stager.changed, lambda: bool(stager.requests))
            first.kill()
            second_place = tmp_path / "second"
            second_place.mkdir()
            with running(second_place, config):
                stager.hold.set()
                assert (await ended(api, build))["state"] == "STAGED"
            assert len(stager.requests) == 2


async def test_a_staging_that_takes_too_long_ends(
    tmp_path: Path, postgres: PostgresServer, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode, bus: Bus
) -> None:
    config = settings(tmp_path, postgres, nats, keys, blobs, staging={"timeout": 2})
    stager = StagerPeer(bus, "slow", hold=asyncio.Event())
    with running(tmp_path, config) as controller:
        async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api, alive(stager):
            app = await new_app(api)
            build = await ended(api, await begin(api, app))
            assert build["error"].startswith("StagingTimeExpired - ")
            assert app in stager.stops


async def new_app(api: Api) -> str:
    """With an organization, a space and a buildpack of its own."""
    name = f"n{time.monotonic_ns()}"
    organization = (await api.post("/v3/organizations", {"name": name}))["guid"]
    to = {"organization": {"data": {"guid": organization}}}
    space = (await api.post("/v3/spaces", {"name": name, "relationships": to}))["guid"]
    made = await api.post("/v3/buildpacks", {"name": "static"})
    bits = zipped(**{"bin/detect": "#!/bin/sh", "bin/compile": "#!/bin/sh"})
    await api.post(f"/v3/buildpacks/{made['guid']}/upload", files={"bits": ("static.zip", bits)})
    body = {"name": name, "relationships": {"space": {"data": {"guid": space}}}}
    return (await api.post("/v3/apps", body))["guid"]
