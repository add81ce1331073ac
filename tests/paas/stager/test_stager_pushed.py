"""The way of an app through real components: pushed to the cloud controller, staged, started by a DEA, answering."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from paas.messages.log import LogLines

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller, running, settings
from tests.paas.cloud_controller.keys_peer import ADMIN_SCOPES, KeysPeer
from tests.paas.cloud_controller.pushing import push, upload_package, wait_for
from tests.paas.dea.dea_process import DeaProcess, Ear
from tests.paas.stager.staging_place import BUILDPACKS, ORDER, StagingPlace, zipped

pytestmark = pytest.mark.lab

HELLO = "import os\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef hello():\n    return os.environ['GREETING']\n"
FLASK: dict[str, str | bytes] = {"requirements.txt": "flask\ngunicorn\n", "app.py": HELLO}


@pytest.fixture(scope="module")
def platform(
    place: StagingPlace, postgres_bin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Controller, KeysPeer]]:
    directory = tmp_path_factory.mktemp("platform")
    # in the network of the place, where the server that tests share is out of reach
    postgres = PostgresServer.make(postgres_bin)
    keys = KeysPeer()
    staging = {"memory_in_mb": 512, "disk_in_mb": 1024}
    try:
        settled = settings(directory, postgres, place.nats, keys, place.blobs, staging=staging)
        with running(directory, settled) as controller:
            stacks = {"stacks": place.config["stacks"]}
            dea = DeaProcess(directory, "dea-1", place.nats.url, place.warden.socket, stacks)
            dea.start()
            yield controller, keys
            dea.end()
    finally:
        keys.close()
        postgres.remove()


@pytest.fixture
async def api(platform: tuple[Controller, KeysPeer]) -> AsyncIterator[Api]:
    controller, keys = platform
    async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as one:
        yield one


async def put_buildpacks(api: Api, directory: Path) -> None:
    subprocess.run([sys.executable, str(BUILDPACKS / "make.py"), str(directory)], check=True)
    for position, name in enumerate(ORDER, 1):
        made = await api.post("/v3/buildpacks", {"name": f"{name}_buildpack", "position": position})
        data = (directory / f"{name}.zip").read_bytes()
        await api.post(
            f"/v3/buildpacks/{made['guid']}/upload", files={"bits": (f"{name}.zip", data, "application/zip")}
        )


async def new_app(api: Api, controller: Controller, name: str, **lifecycle: Any) -> str:
    with psycopg.connect(controller.database, autocommit=True) as db:
        db.execute("INSERT INTO stacks (name) VALUES ('cflinuxfs-deb12') ON CONFLICT DO NOTHING")
    organization = await api.post("/v3/organizations", {"name": f"org-{name}"})
    within = {"organization": {"data": {"guid": organization["guid"]}}}
    space = await api.post("/v3/spaces", {"name": "space", "relationships": within})
    body: dict[str, Any] = {"name": name, "relationships": {"space": {"data": {"guid": space["guid"]}}}}
    body["environment_variables"] = {"GREETING": "good day"}
    if lifecycle:
        body["lifecycle"] = {"type": "buildpack", "data": lifecycle}
    return (await api.post("/v3/apps", body))["guid"]


async def test_an_app_is_pushed_staged_started_and_answers(
    api: Api, platform: tuple[Controller, KeysPeer], place: StagingPlace, tmp_path: Path
) -> None:
    controller, _ = platform
    await put_buildpacks(api, tmp_path)
    async with place.bus() as bus:
        ear = await Ear.on(bus)
        app = await new_app(api, controller, "greeter")
        droplet = await push(api, app, zipped(FLASK))
        assert droplet["state"] == "STAGED" and droplet["buildpacks"][0]["name"] == "python_buildpack"
        assert droplet["process_types"] == {"web": "gunicorn --bind 0.0.0.0:$PORT app:app"}
        await ear.state(app, "RUNNING")
        stats = await answered(api, app)
        port = stats["instance_ports"][0]["external"]
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://{stats['host']}:{port}/")).text == "good day"
        assert {one.source for one in ear.logs.all if isinstance(one, LogLines)} >= {"STG"}
        await api.post(f"/v3/apps/{app}/actions/stop")


async def answered(api: Api, app: str) -> dict[str, Any]:
    """What the one instance is, once it runs."""
    async with asyncio.timeout(60):
        while True:
            found = (await api.get(f"/v3/apps/{app}/processes/web/stats"))["resources"]
            if found and found[0]["state"] == "RUNNING":
                return found[0]
            await asyncio.sleep(0.1)


async def test_what_cannot_be_staged_is_told_as_clients_know_it(
    api: Api, platform: tuple[Controller, KeysPeer]
) -> None:
    controller, _ = platform
    strange = await new_app(api, controller, "strange")
    broken = await new_app(api, controller, "broken", buildpacks=["nodejs_buildpack", "python_buildpack"])
    cases = [
        (
            strange,
            {"notes.txt": "x"},
            "NoAppDetectedError - An app was not successfully detected by any available buildpack",
        ),
        (
            broken,
            {"package.json": "{}", "requirements.txt": "no-such-thing"},
            "BuildpackCompileFailed - App staging failed",
        ),
    ]
    for app, files, words in cases:
        package = await upload_package(api, app, zipped(files))
        build = await api.post("/v3/builds", {"package": {"guid": package["guid"]}})
        failed = await wait_for(api, f"/v3/builds/{build['guid']}", ("FAILED",), ("STAGED",))
        assert failed["error"].startswith(words), failed["error"]
