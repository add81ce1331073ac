"""Two whole directors on 127.0.0.1: no root, no lab; they need PostgreSQL, nats-server and ruby."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed (extra 'postgres')")

from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.shop import build_shop, cloud_config
from tests.e2e.several.pair import Pair, build_pair
from tests.programs import need


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_bin: Path) -> Iterator[Pair]:
    """Both run; the stemcell was uploaded to one, the release to the other."""
    need("nats-server", "ruby")
    built = build_pair(tmp_path_factory.mktemp("pair"), postgres_bin)
    try:
        a, b = built.directors
        a.api.upload_stemcell(build_stemcell(built.directory / "stemcell.tgz"))
        b.api.upload_release(build_shop(built.directory / "shop.tgz"))
        a.api.update_config("cloud", cloud_config())
        yield built
    finally:
        built.stop()
