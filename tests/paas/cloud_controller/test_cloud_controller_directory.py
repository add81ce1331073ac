"""Who users are, asked of a real UAA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.config import Uaa
from paas.cloud_controller.roles.directory import Directory

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.database.database_place import own_database
from tests.paas.uaa.uaa_client import UaaClient
from tests.paas.uaa.uaa_process import CLIENT_SECRET, UaaProcess


@pytest.fixture(scope="module")
def uaa(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UaaProcess]:
    with own_database(postgres) as database:
        process = UaaProcess.make(tmp_path_factory.mktemp("uaa"), database)
        process.start()
        yield process
        process.stop()


@pytest.fixture
async def directory(uaa: UaaProcess) -> AsyncIterator[Directory]:
    one = Directory(Uaa(url=uaa.url, client="cc", secret=CLIENT_SECRET))
    yield one
    await one.close()


async def test_users_are_found_by_name_and_by_guid(uaa: UaaProcess, directory: Directory) -> None:
    client = UaaClient(uaa.url)
    made = [client.new_user(client.admin()) for _ in range(60)]
    client.http.close()
    one = made[0]
    found = await directory.by_name(one["userName"].upper(), "uaa")
    assert [(person.guid, person.username, person.origin) for person in found] == [(one["id"], one["userName"], "uaa")]
    assert await directory.by_name(one["userName"], "ldap") == []
    assert await directory.by_name('no "one" or userName pr \\') == []
    people = await directory.by_guid([*(user["id"] for user in made), "nobody", made[0]["id"]])
    assert {person.guid: person.username for person in people.values()} == {
        user["id"]: user["userName"] for user in made
    }


async def test_a_user_of_two_origins_is_found_twice(uaa: UaaProcess, directory: Directory) -> None:
    client = UaaClient(uaa.url)
    admin = client.admin()
    one = client.new_user(admin)
    body = {"userName": one["userName"], "origin": "ldap", "emails": [{"value": "two@example.org"}]}
    assert client.http.post("/Users", json=body, headers=admin).status_code == 201
    client.http.close()
    assert {person.origin for person in await directory.by_name(one["userName"])} == {"uaa", "ldap"}


async def test_without_the_uaa_or_with_a_wrong_secret_the_request_may_be_repeated(uaa: UaaProcess) -> None:
    for known in (
        Uaa(url=f"http://127.0.0.1:{free_port()}", secret="x"),
        Uaa(url=uaa.url, client="cc", secret="wrong"),
    ):
        directory = Directory(known)
        with pytest.raises(ApiError) as raised:
            await directory.by_name("ann")
        assert (raised.value.status, raised.value.title) == (503, "CF-UaaUnavailable")
        await directory.close()
