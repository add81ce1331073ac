"""The errand against a real UAA and a real cloud controller: what is put in, what is left as the operator has it, what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from paas.push_buildpacks.config import Config

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller.controller import SOURCES, running, settings
from tests.paas.database.database_place import own_database
from tests.paas.uaa.uaa_process import UaaProcess

ORDER = ["staticfile", "nodejs", "python", "binary"]
CLIENTS = {
    "push_buildpacks": {
        "secret": "push-word",
        "grant_types": ["client_credentials"],
        "authorities": ["cloud_controller.admin"],
    },
    "nobody": {
        "secret": "nobody-word",
        "grant_types": ["client_credentials"],
        "authorities": ["cloud_controller.read"],
    },
}


class Errand:
    """Runs the errand, and looks at what the platform has then."""

    def __init__(self, directory: Path, config: Config, blobs: BlobstoreNode) -> None:
        self.directory, self.config, self.blobs = directory, config, blobs

    def __call__(self, **more: Any) -> subprocess.CompletedProcess[str]:
        file = self.directory / "errand.json"
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(self.config, **more)))
        command = [sys.executable, "-m", "paas.push_buildpacks", "--config", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def api(self, method: str, path: str, **more: Any) -> Any:
        """As the errand's client."""
        form = {"grant_type": "client_credentials"}
        with httpx2.Client(trust_env=False) as client:
            token = client.post(
                f"{self.config.uaa}/oauth/token", data=form, auth=(self.config.client, self.config.secret)
            )
            headers = {"authorization": f"bearer {token.json()['access_token']}"}
            answer = client.request(method, self.config.api + path, headers=headers, **more)
            assert answer.status_code < 400, answer.text
            return answer.json()

    def order(self) -> list[str]:
        """Names in the order in which apps are offered to them."""
        return [one["name"] for one in self.api("GET", "/v3/buildpacks?order_by=position")["resources"]]


@pytest.fixture(scope="module")
def errand(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Errand]:
    tmp_path = tmp_path_factory.mktemp("errand")
    with (
        own_database(postgres) as database,
        NatsServer.running(tmp_path) as nats,
        BlobstoreNode.running(tmp_path / "blobs") as blobs,
    ):
        uaa = UaaProcess.make(tmp_path, database, clients=CLIENTS)
        uaa.start()
        settled = settings(tmp_path, postgres, nats, uaa, blobs)  # type: ignore[arg-type]
        with running(tmp_path, settled) as controller:
            out = tmp_path / "zips"
            subprocess.run([sys.executable, str(SOURCES / "buildpacks/make.py"), str(out)], check=True)
            config = Config(
                api=controller.url,
                uaa=uaa.url,
                client="push_buildpacks",
                secret="push-word",
                directory=str(out),
                order=ORDER,
            )
            yield Errand(tmp_path, config, blobs)
        uaa.stop()


def test_buildpacks_are_put_in_once_replaced_when_they_change_and_never_moved(errand: Errand) -> None:
    first = errand()
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [f"{name}_buildpack: new" for name in ORDER]
    assert errand.order() == [f"{name}_buildpack" for name in ORDER]
    ready = errand.api("GET", "/v3/buildpacks")["resources"]
    assert {one["state"] for one in ready} == {"READY"}
    assert len(list((errand.blobs.root / "blobs/buildpacks").iterdir())) == 4
    by_name = {one["name"]: one["guid"] for one in ready}

    errand.api("PATCH", f"/v3/buildpacks/{by_name['binary_buildpack']}", json={"position": 1, "locked": True})
    again = errand()
    assert again.stdout.splitlines() == [f"{name}_buildpack: as it is" for name in ORDER]
    for name in ("binary", "python"):
        file = Path(errand.config.directory, f"{name}.zip")
        subprocess.run(
            [sys.executable, "-m", "zipfile", "-c", str(file), str(SOURCES / "buildpacks" / name / "bin")], check=True
        )
    changed = errand()
    assert changed.stdout.splitlines()[2:] == [
        "python_buildpack: replaced",
        "binary_buildpack: left alone: it is locked",
    ]
    assert errand.order() == ["binary_buildpack", *(f"{name}_buildpack" for name in ORDER[:3])]
    assert json.dumps(errand.api("GET", "/v3/buildpacks")).count("sha256") == 4


def test_what_goes_wrong_is_told_in_a_sentence_without_the_secret(errand: Errand) -> None:
    wrong = errand(secret="a-wrong-word")
    assert wrong.returncode == 1 and "/oauth/token: 401" in wrong.stderr
    zips = Path(errand.config.directory)
    (zips / "fresh.zip").write_bytes((zips / "nodejs.zip").read_bytes())
    refused = errand(client="nobody", secret="nobody-word", order=["fresh"])
    assert refused.returncode == 1 and "403" in refused.stderr
    missing = errand(order=["cobol"])
    assert missing.returncode == 1 and "cobol.zip" in missing.stderr
    away = errand(uaa="http://127.0.0.1:1")
    assert away.returncode == 1 and "ConnectError" in away.stderr
    (zips / "bad.zip").write_bytes(b"no zip")
    bad = errand(order=["bad"])
    assert bad.returncode == 1 and "bad.zip is no buildpack" in bad.stderr
    for done in (wrong, refused, missing, away, bad):
        assert "word" not in done.stderr and "Traceback" not in done.stderr
