"""The bus, the database and processes of the component itself go away and come back."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from paas.bus.client import Bus, BusConfig

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import running, settings
from tests.paas.cloud_controller.keys_peer import ADMIN_SCOPES, KeysPeer
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer, alive
from tests.paas.cloud_controller.pushing import push, zipped
from tests.paas.cloud_controller.tenants import name, organization, space, to


async def pushed(api: Api, bus: Bus) -> str:
    """An app that was staged, and is stopped."""
    home = await space(api, (await organization(api))["guid"])
    made = await api.post("/v3/buildpacks", {"name": "static"})
    bits = zipped(**{"bin/detect": "#!/bin/sh", "bin/compile": "#!/bin/sh"})
    await api.post(f"/v3/buildpacks/{made['guid']}/upload", files={"bits": ("static.zip", bits)})
    app = (await api.post("/v3/apps", {"name": name("app"), "relationships": {"space": to(home["guid"])}}))["guid"]
    async with alive(StagerPeer(bus, "stager")):
        await push(api, app, start=False)
    return app


async def test_what_is_wanted_while_the_bus_is_away_is_done_afterwards(
    tmp_path: Path, postgres: PostgresServer, keys: KeysPeer, blobs: BlobstoreNode
) -> None:
    with NatsServer.running(tmp_path) as nats:
        bus = await Bus.connect(BusConfig(servers=[nats.url]), "peers")
        with running(tmp_path, settings(tmp_path, postgres, nats, keys, blobs)) as controller:
            async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api:
                app = await pushed(api, bus)
                dea = DeaPeer(bus, "dea")
                async with alive(dea):
                    nats.stop()
                    while (await api.get("/healthz"))["bus"]:
                        await asyncio.sleep(0.05)
                    await api.post(f"/v3/apps/{app}/actions/start")
                    error = await api.fail(503, "GET", f"/v3/apps/{app}/processes/web/stats")
                    assert "message bus is away" in error["detail"]
                    nats.start()
                    await dea.until(lambda: len(dea.of(app)) == 1)
        await bus.close()


async def test_a_lost_database_is_503_and_no_end(
    tmp_path: Path, postgres_bin: Path, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode
) -> None:
    server = PostgresServer.make(postgres_bin)
    try:
        with running(tmp_path, settings(tmp_path, server, nats, keys, blobs)) as controller:
            async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api:
                await organization(api)
                server.kill()
                error = await api.fail(503, "GET", "/v3/organizations")
                assert error["title"] == "CF-ServiceUnavailable"
                assert (await api.ask("GET", "/healthz")).status_code == 503
                server.start()
                deadline = time.monotonic() + 30
                while (await api.ask("GET", "/v3/organizations")).status_code != 200:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.1)
                # its jobs go on too
                made = (await organization(api))["guid"]
                await api.delete(f"/v3/organizations/{made}")
    finally:
        server.remove()


async def test_api_and_workers_may_be_processes_of_their_own(
    tmp_path: Path, postgres: PostgresServer, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode, bus: Bus
) -> None:
    config = settings(tmp_path, postgres, nats, keys, blobs)

    def role(*roles: str) -> tuple[Path, dict[str, Any]]:
        place = tmp_path / "-".join([*roles, os.urandom(2).hex()])
        place.mkdir()
        port = free_port()
        listen = {"listen": {"port": port}, "url": f"http://127.0.0.1:{port}"}
        return place, {**config, **listen, "roles": roles, "data": str(place / "data")}

    api_place, worker_place = role("api"), role("api", "worker")
    with running(*api_place) as front, running(*worker_place), running(*role("api", "worker", "clock")):
        async with Api(front.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api:
            app = await pushed(api, bus)
            dea = DeaPeer(bus, f"dea-{os.urandom(2).hex()}")
            async with alive(dea):
                await api.post(f"/v3/apps/{app}/processes/web/actions/scale", {"instances": 3})
                await api.post(f"/v3/apps/{app}/actions/start")
                await dea.until(lambda: len(dea.of(app)) >= 3)
                body = {"relationships": {"app": to(app)}}
                deployment = (await api.post("/v3/deployments", body))["guid"]
                deadline = time.monotonic() + 60
                while (await api.get(f"/v3/deployments/{deployment}"))["state"] != "DEPLOYED":
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.1)
                await dea.until(lambda: not dea.of(app))
                # of two dispatchers each message was sent by one
                assert sorted(one.start.index for one in dea.instances) == [0, 1, 2]


async def test_what_is_old_goes_and_what_is_stuck_ends(
    tmp_path: Path, postgres: PostgresServer, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode, bus: Bus
) -> None:
    config = settings(tmp_path, postgres, nats, keys, blobs)
    config["intervals"]["cleanup"] = 0.5
    with running(tmp_path, config) as controller, psycopg.connect(controller.database, autocommit=True) as db:
        async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as api:
            app = await pushed(api, bus)
            current = (await api.get(f"/v3/apps/{app}/droplets/current"))["guid"]
            old = "now() - interval '100 days'"
            db.execute(f"UPDATE droplets SET created_at = {old}, blob = 'droplets/current'")
            for number in range(8):
                db.execute(
                    f"INSERT INTO droplets (app_guid, blob, created_at) VALUES (%s, %s, {old} + %s * interval '1 hour')",
                    [app, f"droplets/{number}", number + 1],
                )
            stuck = (
                "INSERT INTO packages (app_guid, state, updated_at) VALUES (%s, 'PROCESSING_UPLOAD', {}) RETURNING guid"
            )
            row = db.execute(stuck.format(old), [app]).fetchone()
            assert row is not None
            build = "INSERT INTO builds (app_guid, package_guid, deadline) VALUES (%s, 'p', {}) RETURNING guid"
            hung = db.execute(build.format(old), [app]).fetchone()
            assert hung is not None
            db.execute(f"INSERT INTO audit_events (type, target_guid, created_at) VALUES ('old', 'old', {old})")
            db.execute(f"INSERT INTO resources (sha1, used_at) VALUES ('0123', {old})")

            def count(what: str) -> int:
                found = db.execute(f"SELECT count(*) FROM {what}").fetchone()
                assert found is not None
                return found[0]

            deadline = time.monotonic() + 30
            while (
                count("droplets") > 6
                or count("resources WHERE sha1 = '0123'")
                or count("audit_events WHERE type = 'old'")
            ):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            kept = {one["guid"] for one in (await api.get(f"/v3/apps/{app}/droplets"))["resources"]}
            assert current in kept
            assert len(kept) == 6
            failed = await api.get(f"/v3/packages/{row[0]}")
            assert (failed["state"], failed["data"]["error"]) == (
                "FAILED",
                "The upload was interrupted: upload it again",
            )
            assert (await api.get(f"/v3/builds/{hung[0]}"))["error"].startswith("StagingTimeExpired")


async def test_the_data_of_an_app_leave_the_blobstore_with_it(
    admin: Api, app: str, stager: StagerPeer, blobs: BlobstoreNode
) -> None:
    droplet = await push(admin, app, start=False)
    answer = await admin.ask("GET", f"/v3/droplets/{droplet['guid']}/download")
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(answer.headers["location"])).status_code == 200
        await admin.delete(f"/v3/apps/{app}")
        deadline = time.monotonic() + 30
        while (await http.get(answer.headers["location"])).status_code != 404:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
