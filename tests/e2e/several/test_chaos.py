"""A short round of the blows of `python -m tests.e2e.several.chaos`: three directors, a bus of three, PostgreSQL, and real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.several.blows import Blow, Ring
from tests.e2e.several.chaos import one_server_less, without_bus, without_database
from tests.e2e.several.trio import Trio, build_trio
from tests.programs import need

SEED = 3
OUTAGE = 4.0
LEASE = 6.0
LIMIT = 60.0
"""Seconds; the machine may be busy with other tests, or stand still for a moment."""


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory, postgres_bin: Path) -> Iterator[Trio]:
    need("nats-server", "ruby")
    built = build_trio(tmp_path_factory.mktemp("trio"), postgres_bin, LEASE)
    try:
        yield built
    finally:
        built.stop()


@pytest.fixture(scope="module")
def ring(trio: Trio) -> Ring:
    return Ring(trio, SEED, instances=(3, 5), limit=LIMIT)


@pytest.mark.timeout(600)
def test_whoever_is_killed_or_frozen_the_deploy_ends_right(ring: Ring) -> None:
    for kind in ("kill", "freeze", "freeze"):
        blow = ring.round(1, kind)
        assert not blow.faults, blow.line()


def test_the_records_show_who_acts_without_the_lease(trio: Trio, ring: Ring) -> None:
    """The judge itself: a line, a call, a request and a VM that nobody was entitled to are each told."""
    task = ring.last
    since = time.time()
    place = {**trio.postgres.parameters, "application_name": "b"}
    with psycopg.connect(**place, autocommit=True) as connection:
        connection.execute("INSERT INTO task_output VALUES (%s, 'debug', 1000000, 5, 'late\n')", [task])
    with trio.records.inventory.transaction() as books:
        books.record(time.time(), "delete_vm", "", director=trio.directors[1].pid)
        books.record(time.time(), "stop", "some-agent", fence=0)
        stray = books.add("vm", "stray", {}).cid
    blow = Blow(0, "none", "none", 0)
    ring.check(blow, task, since)
    with trio.records.inventory.transaction() as books:
        books.remove(stray)
    said = "\n".join(blow.faults)
    for words in (
        "b wrote to task_output while the lease was nobody's",
        "delete_vm of b took effect while nobody held the task",
        "stop under fence 0 was taken",
        f"the cloud has ['{stray}'] beyond the rows",
    ):
        assert words in said


@pytest.mark.timeout(600)
def test_a_deploy_goes_on_without_one_server_of_the_bus_and_after_all_were_away(ring: Ring) -> None:
    for blow in (one_server_less(ring), without_bus(ring, OUTAGE)):
        assert not blow.faults, blow.line()


@pytest.mark.timeout(600)
def test_a_deploy_goes_on_after_postgresql_was_away(ring: Ring) -> None:
    blow = without_database(ring, OUTAGE)
    assert not blow.faults, blow.line()
