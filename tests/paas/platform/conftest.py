"""One platform for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.site import build_site
from tests.paas.platform.platform_site import Platform

ORDER = (
    "test_platform_acceptance",
    "test_platform_faults",
    "test_platform_evacuation",
    "test_public_cf_cli",
    "test_platform_secrets",
)
"""Secrets are looked for last: the logs are then full."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.lab)
        item.add_marker(pytest.mark.timeout(900))
    places = [place for place, item in enumerate(items) if item in ours]
    for place, item in zip(places, sorted(ours, key=lambda item: ORDER.index(item.path.stem)), strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """Three servers of the bus, one VM that controls, two that run apps; nothing is pushed."""
    site = build_site()
    try:
        site.api.upload_stemcell(site.build_stemcell("1.0"))
        one = Platform(site)
        one.upload()
        one.deploy()
        for errand in ("push_buildpacks", "register_brokers"):
            site.cli("-d", "paas", "run-errand", errand)
        one.log_in("tests")
        yield one
    finally:
        site.down()


@pytest.fixture(scope="session")
def steady(platform: Platform) -> str:
    """An app with three instances that answers plain GETs."""
    from lab.demo.record import TREE

    probe = TREE / "releases/paas/src/acceptance/apps/probe"
    platform.paas("push", "steady", "-p", str(probe), "-i", "3", "-m", "128M", "-k", "128M", seconds=600)
    return "steady"
