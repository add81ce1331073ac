"""Blows against a running deploy, and what is checked afterwards: read from the records of others, never from the directors' word."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.e2e.loopback.shop import manifest
from tests.e2e.several.director_process import Director
from tests.e2e.several.records import holder_at
from tests.e2e.several.trio import Trio, until

CITY = "city"
READING = {"ping", "info", "get_state", "list_disk", "get_task"}


@dataclass
class Blow:
    """One round: what was under way, what was done to whom, and what came of it (seconds from the blow)."""

    number: int
    work: str
    kind: str
    after: float
    victim: str = ""
    taken_over: float = 0.0
    first_step: float = 0.0
    ended: float = 0.0
    faults: list[str] = field(default_factory=list[str])

    def line(self) -> str:
        times = f"taken over {self.taken_over:.2f} s, first step {self.first_step:.2f} s, task ended {self.ended:.1f} s"
        said = "; ".join(self.faults) or "right"
        return f"{self.number:3} {self.work:9} {self.kind:6} of {self.victim} after {self.after:.2f} s: {times}: {said}"


class Ring:
    """Rounds on one trio. Each is a deploy of some kind, hit once while it runs; everything follows from the seed but the machine's pace."""

    def __init__(self, trio: Trio, seed: int, instances: tuple[int, int] = (4, 8), limit: float | None = None) -> None:
        """``limit``: seconds from a blow to the successor's first step; two terms of the lease where it is left out."""
        self.trio = trio
        self.limit = 2 * trio.lease if limit is None else limit
        self.chance = random.Random(seed)
        self.range = instances
        self.there = False
        self.size = 0
        self.words = 0
        self.last = 0
        self._ports: dict[int, str] = {}

    def begin(self, *, long: bool = False) -> tuple[str, int]:
        """Some work (``long``: a create or a recreate), begun through some director; its name and task."""
        api = self.chance.choice(self.trio.directors).api
        works = ["recreate"] if long else ["update", "scale", "recreate", "delete"]
        work = self.chance.choice(works) if self.there else "create"
        if work == "delete":
            self.there = False
            return work, api.start("DELETE", f"/deployments/{CITY}")
        query: dict[str, str] = {"recreate": "true"} if work == "recreate" else {}
        if work in ("create", "scale"):
            self.size = self.chance.choice([one for one in range(*self.range) if one != self.size])
        self.words += 1
        greeting = f"hello-{self.words}" if work != "recreate" else f"hello-{self.words - 1}"
        wanted = manifest(CITY, instances=self.size, greeting=greeting, persistent_disk=64)
        self.there = True
        return work, api.start("POST", "/deployments", body=yaml.safe_dump(wanted).encode(), kind="text/yaml", **query)

    def round(self, number: int, kind: str = "") -> Blow:
        """One blow that hit. Work that ended too soon for it is checked all the same, and more is begun."""
        while True:
            self._note()
            since = time.time()
            work, task = self.begin()
            blow = Blow(number, work, kind or self.chance.choice(["kill", "freeze"]), self.chance.uniform(0.1, 4.0))
            until("the task is taken", lambda task=task: self.trio.runner_of(task) is not None or self.ended(task))
            time.sleep(blow.after)
            owner, fence = self.trio.lease_of(task)
            victim = self.trio.named(owner)
            if victim is not None and self._strike(blow, victim, task, since, fence):
                return blow
            self._wait(task)
            self.check(blow, task, since)
            assert not blow.faults, blow.line()

    def ended(self, task: int, directors: list[Director] | None = None) -> bool:
        one = (directors or self.trio.directors)[0]
        return one.api.get(f"/tasks/{task}")["state"] not in ("queued", "processing")

    def _strike(self, blow: Blow, victim: Director, task: int, since: float, fence: int) -> bool:
        """Whether it hit: the work may have ended, or gone to another director, just before."""
        trio = self.trio
        blow.victim = victim.name
        at = time.time()
        if blow.kind == "kill":
            victim.kill()
        else:
            victim.send(signal.SIGSTOP)
        others = [one for one in trio.directors if one is not victim]
        owner, now = trio.lease_of(task)
        if self.ended(task, others) or now != fence or trio.named(owner) is not victim:
            if blow.kind == "kill":
                victim.start()
            else:
                victim.send(signal.SIGCONT)
            return False
        try:
            until("another takes over", lambda: trio.lease_of(task)[1] > fence, trio.lease * 10 + 60)
            late = self.chance.uniform(0.0, 4.0)
            if blow.kind == "freeze" and late < 2:
                time.sleep(late)  # it wakes while its successor is at work
                victim.send(signal.SIGCONT)
            self._wait(task, others)
            blow.ended = time.time() - at
        finally:
            if blow.kind == "freeze":
                victim.send(signal.SIGCONT)
        if blow.kind == "freeze":
            time.sleep(1.5)  # what a woken director might still do, it does at once
        else:
            victim.start()
        self.check(blow, task, since)
        self._measure(blow, victim, task, at, fence)
        return True

    def _wait(self, task: int, directors: list[Director] | None = None) -> None:
        (directors or self.trio.directors)[0].api.wait(task, seconds=180)

    def _note(self) -> None:
        for one in self.trio.directors:
            self._ports[one.pid] = one.name

    def _measure(self, blow: Blow, victim: Director, task: int, at: float, fence: int) -> None:
        records = self.trio.records
        taken = next((one for one in records.holders(f"task/{task}") if one.fence > fence), None)
        if taken is None:
            blow.faults.append("nobody took over")
            return
        blow.taken_over = taken.at - at
        steps = [one.at for one in records.writes(task) if one.at > taken.at and one.what == "journal"]
        pids = {pid for pid, name in self._ports.items() if name != victim.name}
        steps += [one.at for one in records.effects(taken.at) if one.director in pids]
        blow.first_step = min(steps, default=taken.at) - at
        if blow.first_step > self.limit:
            blow.faults.append(
                f"the successor's first step came after {blow.first_step:.1f} s, not within {self.limit:g} s"
            )

    def check(self, blow: Blow, task: int, since: float) -> None:
        """Everything that must hold after a task, whatever befell it."""
        self.last = task
        self._note()
        blow.faults += [
            *self._strangers(task),
            *self._old_fences(task, since),
            *self._twice(task, since),
            *self._world(),
        ]

    def _strangers(self, task: int) -> list[str]:
        """Rows that somebody wrote who did not hold the task's lease at that moment, by PostgreSQL's record."""
        found: list[str] = []
        for one in self.trio.records.writes(task):
            holder = self.trio.named(one.owner or "")
            if holder is None or holder.name != one.writer:
                found.append(f"{one.writer} wrote to {one.what} while the lease was {one.owner or 'nobody'}'s")
        return found[:3]

    def _old_fences(self, task: int, since: float) -> list[str]:
        """Calls and requests of a director that was not the holder when they took effect, by the cloud's and the agents' record."""
        holders = self.trio.records.holders(f"task/{task}")
        locks = self.trio.records.holders(f"lock/deployment/{CITY}")
        found: list[str] = []
        for one in self.trio.records.effects(since):
            if one.director is not None:
                holder = holder_at(holders, one.at)
                owner = self.trio.named(holder.owner) if holder else None
                caller = self._ports.get(one.director, f"process {one.director}")
                if owner is None or owner.name != caller:
                    found.append(
                        f"{one.method} of {caller} took effect while {owner.name if owner else 'nobody'} held the task"
                    )
            elif one.fence is not None:
                holder = holder_at(locks, one.at)
                if holder is None or holder.fence != one.fence:
                    found.append(
                        f"{one.method} under fence {one.fence} was taken, the lock's was {holder.fence if holder else 0}"
                    )
            elif one.method not in READING:
                found.append(f"{one.method} came to agent {one.subject} without a fence")
        return found[:3]

    def _twice(self, task: int, since: float) -> list[str]:
        made = Counter(
            one.subject for one in self.trio.records.effects(since) if one.method in ("create_vm", "create_disk")
        )
        found = [f"{key} was made {times} times" for key, times in made.items() if times > 1]
        done: Counter[str] = Counter()
        attempts: set[tuple[str, int]] = set()
        for one in self.trio.records.writes(task):
            entry: dict[str, Any] = json.loads(one.body) if one.body else {}
            if entry.get("state") == "done" and (entry["step_id"], entry["attempt"]) not in attempts:
                attempts.add((entry["step_id"], entry["attempt"]))
                done[entry["step_id"]] += 1
        return found + [f"step {step} was done {times} times" for step, times in done.items() if times > 1]

    def _world(self) -> list[str]:
        """The cloud has what the rows say, each VM its address, and each agent was told by the last fence."""
        records = self.trio.records
        found: list[str] = []
        for kind, table in (("vm", "vms"), ("disk", "disks")):
            there, known = set(records.objects(kind)), {row.get("cid") for row in records.rows(table)}
            if there != known:
                found.append(
                    f"{table}: the cloud has {sorted(there - known)} beyond the rows, the rows {sorted(map(str, known - there))} beyond it"
                )
        instances = [row for row in records.rows("instances") if row.get("deployment") == CITY]
        wanted = self.size if self.there else 0
        fronts = [row for row in instances if row.get("group") == "front"]
        if len(fronts) != wanted or len(records.objects("vm")) != wanted or records.addresses() != wanted:
            found.append(
                f"{wanted} instances are wanted: {len(fronts)} rows, {len(records.objects('vm'))} VMs, {records.addresses()} addresses"
            )
        return found
