"""What holds for all tests, and the servers that several folders use."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer

# how long an example takes says something of the machine, not of the code
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

GRACE = 30
"""Seconds after a test's own time in which it may end by the exception that it gets then; after them its process ends."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that may take longer than others is not ended with its process before its time (`faulthandler_timeout` holds for all)."""
    marker = item.get_closest_marker("timeout")
    usual = float(item.config.getini("faulthandler_timeout"))
    if marker is not None and marker.args and marker.args[0] + GRACE > usual:
        words = item.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(marker.args[0] + GRACE, file=words, exit=True)


@pytest.fixture(scope="session")
def postgres_bin() -> Path:
    """Where PostgreSQL's programs are; skipped where they or the driver are not installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra 'postgres')")
    from tests.contract.store.postgres_server import programs

    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    return found


@pytest.fixture(scope="session")
def postgres(postgres_bin: Path) -> Iterator[PostgresServer]:
    """One server for all tests of this process."""
    from tests.contract.store.postgres_server import PostgresServer

    server = PostgresServer.make(postgres_bin)
    yield server
    server.remove()
