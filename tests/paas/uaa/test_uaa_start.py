"""Start and end: configured users are made once, keys change, accounts lock, the database goes and comes, no secret is logged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import psycopg
import pytest
from paas.database.config import DatabaseConfig
from paas.serve.config import ConfigError, read_config
from paas.uaa.config import UaaConfig
from paas.uaa.keys import SigningKeys

from tests.paas.database.database_place import own_database
from tests.paas.uaa.uaa_client import CC, CF, UaaClient, bearer, said
from tests.paas.uaa.uaa_process import ADMIN_PASSWORD, CLIENT_SECRET, USER_PASSWORD, UaaProcess, config_of, new_key

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer

ANN = "Ann@example.org"
LOCKED = "Your account has been locked because of too many failed attempts to login."


@pytest.fixture(scope="module")
def own(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UaaProcess]:
    """Locks accounts after three bad passwords, and does not wait for its database."""
    with own_database(postgres) as database:
        lockout = {"failures": 3, "window": 600, "seconds": 600}
        process = UaaProcess.make(tmp_path_factory.mktemp("uaa-start"), database, lockout=lockout)
        process.config["database"]["patience"] = 0
        process.start()
        yield process
        assert process.stop() == 0, process.log


@pytest.fixture
def client(own: UaaProcess) -> Iterator[UaaClient]:
    one = UaaClient(own.url)
    yield one
    one.http.close()


def _status(client: UaaClient, name: str, password: str) -> tuple[int, str]:
    answer = client.token(grant_type="password", username=name, password=password)
    return answer.status_code, answer.json().get("error_description", "")


def test_an_account_is_locked_and_opens_again(own: UaaProcess, client: UaaClient) -> None:
    name = client.new_user(client.admin())["userName"]
    for _ in range(2):
        assert _status(client, name, "wrong") == (401, "Bad credentials")
    client.log_in(name, "first")  # what is right clears the count
    for _ in range(3):
        assert _status(client, name, "wrong") == (401, "Bad credentials")
    assert _status(client, name, "first") == (401, LOCKED)
    place = own.config["database"]["url"].replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(place) as connection:  # the time passes
        connection.execute("UPDATE users SET locked_until = now() - interval '1 second' WHERE name = %s", (name,))
    client.log_in(name, "first")


async def test_of_many_attempts_at_once_none_passes_the_limit(own: UaaProcess, client: UaaClient) -> None:
    name = client.new_user(client.admin())["userName"]
    async with httpx2.AsyncClient(base_url=own.url, timeout=60, trust_env=False) as http:

        async def attempt(name: str, password: str) -> str:
            fields = {"grant_type": "password", "username": name, "password": password}
            return (await http.post("/oauth/token", data=fields, auth=CF)).json().get("error_description", "in")

        heard = await asyncio.gather(*(attempt(name, f"guess {n}") for n in range(20)))
        assert sorted(set(heard)) == ["Bad credentials", LOCKED]
        assert heard.count("Bad credentials") == 3
        assert await attempt(name, "first") == LOCKED
        others = await asyncio.gather(*(attempt("admin", ADMIN_PASSWORD) for _ in range(10)))
        assert set(others) == {"in"}, "who knows the password may come often at once"


def test_a_database_that_goes_and_comes(client: UaaClient, postgres: PostgresServer) -> None:
    postgres.kill()
    try:
        assert client.http.get("/healthz").status_code == 503
        away = client.token(grant_type="password", username=ANN, password=USER_PASSWORD)
        assert (away.status_code, away.json()["error"]) == (503, "service_unavailable")
        assert client.http.get("/token_keys").status_code == 200
        assert client.token(CC, grant_type="client_credentials").status_code == 200
    finally:
        postgres.start()
    assert client.http.get("/healthz").status_code == 200
    client.log_in(ANN, USER_PASSWORD)


def test_no_secret_is_ever_logged(own: UaaProcess, client: UaaClient) -> None:
    got = client.log_in(ANN, USER_PASSWORD)
    admin = client.admin()
    made = client.new_user(admin, password="a-password-of-a-new-user")
    client.token(grant_type="password", username=made["userName"], password="a-wrong-password")
    client.token(grant_type="password", username="a-password-in-the-wrong-field", password="x")
    client.token(("cc", "a-wrong-secret"), grant_type="client_credentials")
    own_token = client.token(CC, grant_type="client_credentials").json()["access_token"]
    refreshed = client.refresh(got["refresh_token"]).json()
    client.http.get("/userinfo", headers=bearer(got["access_token"][:-3] + "xyz"))
    path = f"/Users/{made['id']}/password"
    client.http.put(path, json={"password": "another-password\0"}, headers=admin)
    client.http.put(path, json={"password": "yet-another-password"}, headers=admin)
    body = {"userName": "nul", "password": "a-password-beside-NUL", "emails": [{"value": "a@b"}], "externalId": "\0"}
    assert client.http.post("/Users", json=body, headers=admin).status_code == 400
    log = own.log
    assert "login_refused" in log and "password_changed" in log
    secrets = [ADMIN_PASSWORD, USER_PASSWORD, CLIENT_SECRET, "web-secret", "a-password-", "wrong-", "another-password"]
    secrets += [
        got["access_token"],
        got["refresh_token"],
        own_token,
        refreshed["access_token"],
        "eyJ",
        "argon2",
        "PRIVATE KEY",
    ]
    assert [one for one in secrets if one in log] == []
    for line in log.splitlines():
        json.loads(line)


def test_starts_keep_what_is_there_and_follow_the_configuration(own: UaaProcess, client: UaaClient) -> None:
    ann = client.log_in(ANN, USER_PASSWORD)
    guid = said(ann["access_token"])["user_id"]
    body = {"oldPassword": USER_PASSWORD, "password": "chosen by herself"}
    assert client.http.put(f"/Users/{guid}/password", json=body, headers=bearer(ann["access_token"])).status_code == 200
    before = client.http.get("/Users", headers=client.admin()).json()["resources"]
    old = client.log_in(ANN, "chosen by herself")
    own.stop()
    own.config["active_key"] = "two"
    own.start()

    headers = client.admin()
    after = client.http.get("/Users", headers=headers).json()["resources"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
    groups = client.http.get("/Groups", params={"count": "500"}, headers=headers).json()["resources"]
    described = {one["displayName"]: one["description"] for one in groups}
    assert len(described) == len(groups) and described["cloud_controller.admin"] == "May do everything"
    client.log_in(ANN, "chosen by herself")
    assert client.http.get("/token_key").json()["kid"] == "two"
    assert client.http.get("/userinfo", headers=bearer(old["access_token"])).status_code == 200, "by the key of before"
    new = client.refresh(old["refresh_token"]).json()

    own.stop()
    own.config["keys"] = {"two": own.config["keys"]["two"], "three": new_key()}
    own.config["users"][1]["password"] = "set by the operator"
    own.start()
    assert client.http.get("/userinfo", headers=bearer(new["access_token"])).status_code == 200
    assert client.http.get("/userinfo", headers=bearer(old["access_token"])).status_code == 401, "its key is gone"
    assert _status(client, ANN, "chosen by herself")[0] == 401
    assert said(client.log_in(ANN, "set by the operator")["access_token"])["user_id"] == guid
    assert client.refresh(new["refresh_token"]).status_code == 401


NOWHERE = DatabaseConfig(url="postgresql+psycopg://u:hidden@127.0.0.1:1/d")
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"active_key": "none"}, "active_key is 'none', which is none of keys"),
    ({"keys": {"one": "rubbish"}}, "keys.one is no RSA key in PEM"),
    ({"url": "uaa.example.org"}, "url must be the address of UAA"),
    ({"clients": {"x": {"grant_types": ["client_credentials"]}}}, "clients.x: a client that gets tokens for itself"),
    ({"clients": {"x": {"grant_types": ["authorization_code"]}}}, "clients.x: authorization_code needs redirect_uris"),
    ({"clients": {"x": {"grant_types": ["magic"]}}}, r"clients\[...\].grant_types\[0\]"),
    ({"users": [{"name": "", "password": "p"}]}, "users: a user without a name"),
    ({"database": {"url": "mysql://u:hidden@h/d"}}, "database.url begins with mysql://"),
]


@pytest.mark.parametrize(("change", "text"), REFUSED)
def test_a_configuration_that_cannot_be_is_told(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    (tmp_path / "uaa.json").write_text(json.dumps(config_of(NOWHERE, 1) | change))
    with pytest.raises(ConfigError, match=text) as caught:
        _load(tmp_path / "uaa.json")
    assert "hidden" not in str(caught.value)


def _load(file: Path) -> None:
    config = read_config(file, UaaConfig)
    config.check()
    config.database.check()
    SigningKeys(config)


def test_a_start_with_a_bad_configuration_ends_with_one_sentence(tmp_path: Path) -> None:
    status, output = UaaProcess.make(tmp_path, NOWHERE, keys={"one": "rubbish"}).refuses()
    assert (status, output) == (2, "paas.uaa: keys.one is no RSA key in PEM\n")
