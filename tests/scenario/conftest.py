"""A town per test: the whole director in process, with what was uploaded to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from director.adapters.store.sql import open_store
from director.adapters.templates.erb import ErbTemplates
from tests.e2e.loopback.archives import build_release, build_stemcell
from tests.programs import need
from tests.scenario.town import JOBS, NEWER_BASE, PACKAGES, Town

need("ruby", module=True)  # job templates are ERB


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a release (in the second one package is newer) and two of a stemcell."""
    directory = tmp_path_factory.mktemp("uploads")
    build_release(directory / "release-1.tgz", "shop", "1", JOBS, PACKAGES)
    build_release(directory / "release-2.tgz", "shop", "2", JOBS, [NEWER_BASE, *PACKAGES[1:]])
    for version in ("1.0", "2.0"):
        build_stemcell(directory / f"stemcell-{version}.tgz", version, api_version=3, formats=("memory",))
    return directory


@pytest.fixture
async def town(tmp_path: Path, uploads: Path) -> AsyncIterator[Town]:
    """With release 1 and stemcell 1.0."""
    store = await open_store(":memory:")
    renderer = ErbTemplates()
    town = Town(store, tmp_path, renderer, uploads)
    await town.furnish()
    yield town
    await renderer.close()
    await store.close()
