"""One platform for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.site import build_site
from tests.paas.platform.platform_site import Platform


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.timeout(900))


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
        one.paas("target", "https://api.sys.paas.test")
        one.paas("login", "-u", "admin", "-p", "an-admin-password")
        one.paas("create-org", "tests")
        one.paas("create-space", "tests", "-o", "tests")
        one.paas("target", "-o", "tests", "-s", "tests")
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
