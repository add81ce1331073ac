"""One lab with one director for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.shop import cloud_config
from tests.e2e.lab.site import Site, build_site

ORDER = (
    "test_lab_deploy",
    "test_instances",
    "test_rollout",
    "test_teardown",
    "test_cpi_check_lab",
    "test_unreachable_vms",
    "test_kill",
)
"""Any file runs alone; in this order none has to deploy or delete what another one has deployed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.lab)
        item.add_marker(pytest.mark.timeout(480))
    places = [place for place, item in enumerate(items) if item in ours]
    for place, item in zip(places, sorted(ours, key=lambda item: ORDER.index(item.path.stem)), strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A director with the Debian stemcell, the demo release and a cloud config; nothing is deployed."""
    built = build_site()
    try:
        built.api.upload_stemcell(built.build_stemcell("1.0"))
        built.api.upload_release(built.build_release())
        built.api.update_config("cloud", cloud_config())
        yield built
    finally:
        built.down()
