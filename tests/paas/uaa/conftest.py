"""One UAA for the tests of this folder that leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.paas.database.database_place import own_database
from tests.paas.uaa.uaa_client import UaaClient
from tests.paas.uaa.uaa_process import UaaProcess

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def uaa(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UaaProcess]:
    with own_database(postgres) as database:
        process = UaaProcess.make(tmp_path_factory.mktemp("uaa"), database)
        process.start()
        yield process
        assert process.stop() == 0, process.log


@pytest.fixture
def client(uaa: UaaProcess) -> Iterator[UaaClient]:
    one = UaaClient(uaa.url)
    yield one
    one.http.close()


@pytest.fixture
def admin(client: UaaClient) -> dict[str, str]:
    """The administrator's header."""
    return client.admin()
