"""One director per file of tests: bare, or stocked with a stemcell, a release and a cloud config, or with a deployment on top."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.api.served import Client, Served, shop, stock


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    director = Served(tmp_path_factory.mktemp("served"))
    director.start()
    try:
        yield director
    finally:
        director.stop()


@pytest.fixture
def admin(served: Served) -> Client:
    return served.client()


@pytest.fixture(scope="module")
def stocked(served: Served) -> Client:
    """Stemcell 1.0, release `shop` 1.0 and 1.1, a cloud config."""
    client = served.client()
    stock(client, served.directory)
    return client


@pytest.fixture(scope="module")
def deployed(stocked: Client) -> Client:
    """Deployment `shop`: two instances of `front` with a disk each, and the errand group `checks`."""
    stocked.deploy(shop(persistent_disk_type="small"))
    return stocked
