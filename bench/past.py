"""Rows planted in a director's database: what years of use leave there (ended tasks with their outputs, events, other deployments), and VMs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from director.adapters.store import codec
from director.model.briefs import BRIEFS
from director.model.instance import InstanceSpec, VmSpec
from director.model.rows import DeploymentRow, EventRow, InstanceRow, Row, Task, VmRow

DAY = 86400.0
TYPES = ("update_deployment", "vms", "vms", "update_release", "run_errand", "ssh", "vms", "delete_artifacts")
LINE = {
    "time": 1700000000,
    "stage": "Updating instance",
    "tags": ["web"],
    "total": 20,
    "task": "web/3b0a2f44-5d13-4d8c-9d53-1a6d0f4d8a11 (0)",
    "index": 1,
    "state": "finished",
    "progress": 100,
}
EVENTS = (msgspec.json.encode(LINE) + b"\n") * 8
DEBUG = b"2026-01-31T12:00:00.000000Z Updating instance: web/0: start (u1/start)\n" * 30


def plant(database: Path, tasks: int, *, deployments: int = 200, now: float) -> None:
    """Write them into a database that a director may have open; its next task's id follows on."""
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        first, events = (_used(connection, name) for name in ("task", "events"))
        ids = range(first + 1, first + 1 + tasks)
        for start in range(0, tasks, 10_000):
            some = ids[start : start + 10_000]
            connection.execute("BEGIN IMMEDIATE")
            _write(connection, (_task(one, now - (ids[-1] - one) * 60, deployments) for one in some))
            _write(connection, (_event(one, events + one, now - (ids[-1] - one) * 60, deployments) for one in some))
            for kind, data in (("event", EVENTS), ("debug", DEBUG)):
                connection.executemany(
                    "INSERT INTO task_output (task_id, kind, start, size, data) VALUES (?, ?, 0, ?, ?)",
                    ((one, kind, len(data), data) for one in some),
                )
            connection.executemany(
                "INSERT INTO sequences (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (("task", some[-1]), ("events", events + some[-1])),
            )
            connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        _write(connection, (_deployment(number) for number in range(deployments)))
        connection.execute("COMMIT")


def plant_vms(database: Path, count: int, *, now: float) -> list[str]:
    """Deployment ``crowd`` with so many instances and VMs; the ids of their agents."""
    ids = [f"agent-{number:05d}" for number in range(count)]
    vm = VmSpec(cpi="", stemcell_name="bench-stemcell", stemcell_version="1", stemcell_os="bench")
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _write(connection, [DeploymentRow(name="crowd", manifest="name: crowd\n")])
        _write(
            connection,
            (
                InstanceRow(
                    id=f"i-{one}",
                    deployment="crowd",
                    group="web",
                    index=index,
                    agent_id=one,
                    applied=InstanceSpec(
                        deployment="crowd",
                        group="web",
                        id=f"i-{one}",
                        index=index,
                        az="",
                        bootstrap=index == 0,
                        vm=vm,
                        jobs=(),
                        packages=(),
                    ),
                )
                for index, one in enumerate(ids)
            ),
        )
        _write(
            connection,
            (
                VmRow(
                    agent_id=one,
                    object_key=one,
                    deployment="crowd",
                    instance_id=f"i-{one}",
                    cid=f"vm-{one}",
                    created_at=now - DAY,
                    ready=True,
                )
                for one in ids
            ),
        )
        connection.execute("COMMIT")
    return ids


def _used(connection: sqlite3.Connection, sequence: str) -> int:
    (value,) = connection.execute(
        "SELECT coalesce(max(value), 0) FROM sequences WHERE name = ?", (sequence,)
    ).fetchone()
    return int(value)


def _task(number: int, at: float, deployments: int) -> Task:
    type_ = TYPES[number % len(TYPES)]
    return Task(
        id=number,
        type=type_,
        description="create deployment" if type_ == "update_deployment" else type_,
        state="error" if number % 50 == 0 else "done",
        deployment=f"old-{number % deployments:04d}",
        created_at=at,
        started_at=at,
        finished_at=at + 30,
        result="/deployments/old",
        request={"deployment": f"old-{number % deployments:04d}", "manifest": "instance_groups: []\n" * 40},
    )


def _event(number: int, id: int, at: float, deployments: int) -> EventRow:
    return EventRow(
        id=id,
        timestamp=at,
        user="admin",
        action="update",
        object_type="deployment",
        object_name=f"old-{number % deployments:04d}",
        task=str(number),
        deployment=f"old-{number % deployments:04d}",
    )


def _deployment(number: int) -> DeploymentRow:
    return DeploymentRow(
        name=f"old-{number:04d}",
        manifest="# a manifest of usual length\n" * 400,
        releases=(("bench", "1"),),
        stemcells=(("bench-stemcell", "1"),),
    )


def _write(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    for kind, some in _by_kind(rows):
        names = ("key", "body", *kind.INDEXED)
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join(f":{name}" for name in names)
        for brief in BRIEFS:
            if brief.OF is kind:
                columns += ", brief"
                paths = ", ".join(f"'$.{path}'" for path in brief.WITHOUT)
                marks += f", json_remove(:body, {paths})"
        connection.executemany(f"INSERT INTO {kind.TABLE} ({columns}) VALUES ({marks})", some)


def _by_kind(rows: Iterable[Row]) -> Iterator[tuple[type[Row], Iterator[dict[str, object]]]]:
    ahead = iter(rows)
    first = next(ahead, None)
    if first is not None:
        yield type(first), (codec.columns(row) for row in _chained(first, ahead))


def _chained(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest
