"""One deploy whose director is killed again and again: what was found at each death, and at the end."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import yaml

from tests.e2e.lab.host import Inventory
from tests.e2e.lab.site import Site
from tests.e2e.loopback.api import Finished

KINDS = ("create_vm", "create_disk", "attach_disk", "compile_package", "apply")
POINTS = ("before_intent", "after_intent", "after_effect", "after_result")
PLACES = [f"{kind}:{point}" for kind in KINDS for point in POINTS]
SECONDS = 400
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Death:
    """The director's end at one place: with which status, at which step, and what the machine and the journal held then."""

    place: str
    step: str
    status: int
    inventory: Inventory
    states: list[str]
    """States of the step's attempts in the journal at that moment."""
    under_way: frozenset[str]
    """Steps whose intent was written and whose end was not: a CPI's call of theirs goes on, and nobody hears what it says."""
    starts: Counter[str]
    """How often libvirt had started each domain by then."""
    ids: dict[str, int]
    """Libvirt's numbers of the domains that ran then."""
    blobs: dict[str, int]
    """Blobs by id, with their inodes: a blob that is stored again has another one."""


@dataclass
class Killing:
    """The whole run."""

    task: int
    deaths: dict[str, Death] = field(default_factory=dict[str, Death])
    finished: Finished | None = None
    journal: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    seconds: float = 0

    def entries(self, step: str) -> list[dict[str, Any]]:
        """All attempts at a step, in order."""
        return sorted((one for one in self.journal if one["step_id"] == step), key=lambda one: one["attempt"])

    def unheard(self, step: str) -> int:
        """How many calls of a step lost their director before their end."""
        return sum(step in death.under_way for death in self.deaths.values())

    def ids(self, cid: str, end: dict[str, int]) -> set[int]:
        """The numbers under which a VM was ever seen to run, at the deaths and at the end; a VM that compiles is gone by then."""
        seen = [*(death.ids for death in self.deaths.values()), end]
        return {numbers[cid] for numbers in seen if cid in numbers}

    def done(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.journal if one["kind"] == kind and one["state"] == "done"]


def read_journal(site: Site, task: int) -> list[dict[str, Any]]:
    """The task's journal as the database has it, whether or not a director runs."""
    base = sqlite3.connect(f"file:{site.record.state / 'director.db'}?mode=ro", uri=True)
    try:
        rows = base.execute("select body from journal where task_id = ?", (task,)).fetchall()
        return [json.loads(body) for (body,) in rows]
    finally:
        base.close()


def blobs(site: Site) -> dict[str, int]:
    """The local blobstore's files, with their inodes."""
    return {path.name: path.stat().st_ino for path in (site.record.state / "blobs").rglob("*") if path.is_file()}


def kill_through(site: Site, manifest: dict[str, Any], mark: Path) -> Killing:
    """Deploy; each time the director has killed itself, look around and start it again, until the task has ended."""
    begin = time.monotonic()
    environment = {"MERISTEM_KILL_AT": ",".join(PLACES), "MERISTEM_KILL_MARK": str(mark)}
    site.stop()
    site.start(**environment)
    site.ready()
    body = yaml.safe_dump(manifest, sort_keys=False).encode()
    killing = Killing(site.api.start("POST", "/deployments", body=body, kind="text/yaml"))
    while (state := _state(site, killing.task)) in ("", "queued", "processing"):
        assert time.monotonic() - begin < SECONDS, f"still {state}; died at {list(killing.deaths)}"
        status = site.death(0.5)
        if status is None:
            continue
        lines = mark.read_text().splitlines() if mark.exists() else []
        assert len(lines) == len(killing.deaths) + 1, (
            f"the director ended with {status}:\n{site.log.read_text()[-3000:]}"
        )
        place, step = lines[-1].split()
        journal = read_journal(site, killing.task)
        killing.deaths[place] = Death(
            place,
            step,
            status,
            site.host.inventory(),
            [one["state"] for one in journal if one["step_id"] == step],
            frozenset(one["step_id"] for one in journal if one["state"] == "intent"),
            site.host.starts(),
            site.host.ids(),
            blobs(site),
        )
        site.start(**environment)
    killing.finished = site.api.wait(killing.task)
    killing.journal = read_journal(site, killing.task)
    killing.seconds = time.monotonic() - begin
    return killing


def _state(site: Site, task: int) -> str:
    """The task's state; empty while nobody answers."""
    try:
        return site.api.get(f"/tasks/{task}")["state"]
    except (httpx.HTTPError, OSError):
        return ""
