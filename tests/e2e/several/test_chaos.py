"""A short round of the blows of `python -m tests.e2e.several.chaos`: three directors, a bus of three, PostgreSQL, and real processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.contract.store.postgres_server import programs
from tests.e2e.several.blows import Ring
from tests.e2e.several.chaos import one_server_less, without_bus, without_database
from tests.e2e.several.trio import Trio, build_trio

SEED = 3
OUTAGE = 4.0


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    for program in ("nats-server", "ruby"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    built = build_trio(tmp_path_factory.mktemp("trio"), found)
    try:
        yield built
    finally:
        built.stop()


@pytest.fixture(scope="module")
def ring(trio: Trio) -> Ring:
    return Ring(trio, SEED, instances=(3, 5))


@pytest.mark.timeout(300)
def test_whoever_is_killed_or_frozen_the_deploy_ends_right(ring: Ring) -> None:
    for kind in ("kill", "freeze", "freeze"):
        blow = ring.round(1, kind)
        assert not blow.faults, blow.line()


@pytest.mark.timeout(200)
def test_a_deploy_goes_on_without_one_server_of_the_bus_and_after_all_were_away(ring: Ring) -> None:
    for blow in (one_server_less(ring), without_bus(ring, OUTAGE)):
        assert not blow.faults, blow.line()


@pytest.mark.timeout(200)
def test_a_deploy_goes_on_after_postgresql_was_away(ring: Ring) -> None:
    blow = without_database(ring, OUTAGE)
    assert not blow.faults, blow.line()
