"""What must hold at every moment: looked at before and after each effect and at each point of each step, in the store's own rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from director.adapters.memory.store import MemoryStore
from director.engine import probe as points
from director.model.plan import Plan, Stage, Step, Unit
from director.model.row import Row
from director.model.rows import DiskRow, InstanceRow, JournalEntry, PlanRow, VmRow
from tests.recovery.life import ACTING, Killed, Life
from tests.recovery.realm import Realm

QUESTIONS = {
    "find",
    "find_all",
    "info",
    "ping",
    "get_state",
    "list_disk",
    "has_vm",
    "has_disk",
    "calculate_vm_cloud_properties",
    "vm_status",
}

WORKERS_DIE = True
"""With their director or, where they finish their calls, before anybody else may act; otherwise what they were told takes effect whenever it does."""


@dataclass
class Watcher:
    """``widths``: by group, how many of its instances may be in change at once. ``wrongs`` fill up; nothing is raised, lest the engine
    take it for a failure of its own. ``effects`` counts what was done to cloud and agents."""

    realm: Realm
    widths: dict[str, int] = field(default_factory=dict[str, int])
    wrongs: list[str] = field(default_factory=list[str])
    effects: int = 0
    quorum: bool = True
    _up: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _downs: list[tuple[str, frozenset[str]]] = field(default_factory=list[tuple[str, frozenset[str]]])
    followers: list[Callable[[str], None]] = field(default_factory=list["Callable[[str], None]"])
    task_id: int = 0
    _plans: dict[int, _Places] = field(default_factory=dict[int, "_Places"])

    def watch(self) -> None:
        """From now on."""
        for side, script in (("cloud", self.realm.cloud.script), ("agent", self.realm.agents.script)):
            script.before = lambda method, side=side: self._before(side, method)
            script.after = self._after

    def wrong(self, text: str) -> None:
        if text not in self.wrongs:
            self.wrongs.append(text)

    def rows(self, kind: type[Row]) -> dict[str, tuple[bytes, Row]]:
        store = self.realm.store
        assert isinstance(store, MemoryStore)
        return store.content.rows.get(kind, {})

    def _before(self, side: str, method: str) -> None:
        life = ACTING.get()
        if life is None:
            return
        if life.dead:
            if side == "cloud" and WORKERS_DIE and not (life.finishes and self.holds(life)):
                raise Killed  # its workers died with it, or when its lease was about to end
            return
        if method in QUESTIONS:
            return
        if not self.holds(life):
            self.wrong(f"{life.owner} did {method} without a lease of the task")

    def holds(self, life: Life) -> bool:
        """Whether it holds the lease of a task right now."""
        now = self.realm.clock.now()
        leases = self.realm.store.content.leases.values()
        return any(one.owner.startswith(f"{life.owner}/task/") and one.expires_at > now for one in leases)

    def _after(self, method: str) -> None:
        self.effects += 1
        if method == "create_vm":
            known = {row.object_key for _, row in self.rows(VmRow).values() if isinstance(row, VmRow)}
            for vm in self.realm.cloud.inventory.vms.values():
                if vm.key not in known:
                    self.wrong(f"VM {vm.cid} was made before a row with its key '{vm.key}' was committed")
        elif method == "create_disk":
            known = {row.object_key for _, row in self.rows(DiskRow).values() if isinstance(row, DiskRow)}
            for disk in self.realm.cloud.inventory.disks.values():
                if disk.key not in known:
                    self.wrong(f"disk {disk.cid} was made before a row with its key '{disk.key}' was committed")
        elif method == "delete_vm":
            self._look_for_lost_vms()
        if method in ("stop", "delete_vm") and self.quorum:
            self._count()
        for tell in self.followers:
            tell(method)

    def _look_for_lost_vms(self) -> None:
        known = {row.object_key for _, row in self.rows(VmRow).values() if isinstance(row, VmRow)}
        for vm in self.realm.cloud.inventory.vms.values():
            if vm.key not in known:
                self.wrong(f"VM {vm.cid} is there without a row")

    def running(self) -> set[str]:
        """Ids of instances whose jobs run."""
        found: set[str] = set()
        for vm in self.realm.cloud.inventory.vms.values():
            guest = self.realm.agents.guest(vm.agent_id)
            if guest is not None and guest.job_state == "running" and guest.spec.get("configuration_hash"):
                found.add(str(guest.spec["id"]))
        return found

    def note_quorum(self, ids: set[str]) -> None:
        """Which of these run now: only so many of each group may be down at once, of those that stay."""
        running = self.running() & ids
        self._up, self._downs = {}, []
        for _, row in self.rows(InstanceRow).values():
            if isinstance(row, InstanceRow) and row.id in running:
                self._up.setdefault(row.group, set()).add(row.id)

    def _count(self) -> None:
        running = self.running()
        for group, ids in self._up.items():
            down = ids - running
            if len(down) > self.widths.get(group, 1):
                self._downs.append((group, frozenset(down)))

    def judge_quorum(self, staying: set[str]) -> None:
        """Now that it is known who stays."""
        for group, ids in self._downs if self.quorum else ():
            down, allowed = ids & staying, self.widths.get(group, 1)
            if len(down) > allowed:
                self.wrong(f"{len(down)} instances of {group} were down at once, allowed are {allowed}")

    async def probed(self, life: Life, point: str, step: Step) -> None:
        """At each point of each step."""
        task_id = self.task_id
        if not self.holds(life):
            return  # it slept; what it knows is old, and it will find out before it acts
        if task_id not in self._plans and not self._read_plan(step):
            return
        if point == points.BEFORE_INTENT:
            self._begins(task_id, step)
        elif point == points.AFTER_INTENT:
            entries = self._entries(task_id, step.id)
            if not entries or entries[-1].state != "intent":
                self.wrong(f"{step.id} goes on without a committed intent")
            if any(one.state == "done" for one in entries):
                self.wrong(f"{step.id} is done again")
        elif point == points.AFTER_EFFECT:
            entries = self._entries(task_id, step.id)
            if entries and entries[-1].state == "done":
                self.wrong(f"{step.id} was told done before it was")
        elif point == points.AFTER_RESULT:
            entries = self._entries(task_id, step.id)
            # a failed step has a result too: what it left is tidied before that is committed
            if not entries or entries[-1].state not in ("done", "failed"):
                self.wrong(f"{step.id} goes on without a committed result")

    def _read_plan(self, step: Step) -> bool:
        found = self.rows(PlanRow).get(f"{self.task_id:012d}")
        if found is None:
            self.wrong(f"{step.id} begins before its plan is stored")
            return False
        assert isinstance(found[1], PlanRow)
        self._plans[self.task_id] = _Places(msgspec.json.decode(found[1].text, type=Plan))
        return True

    def attend(self, task_id: int) -> None:
        """This is the task that runs."""
        self.task_id = task_id
        self._plans.pop(task_id, None)

    def _entries(self, task_id: int, step_id: str) -> list[JournalEntry]:
        rows, found = self.rows(JournalEntry), list[JournalEntry]()
        while (one := rows.get(f"{task_id:012d}/{step_id}/{len(found) + 1:04d}")) is not None:
            assert isinstance(one[1], JournalEntry)
            found.append(one[1])
        return found

    def _done(self, task_id: int, step: Step) -> bool:
        return any(one.state == "done" for one in self._entries(task_id, step.id))

    def _begins(self, task_id: int, step: Step) -> None:
        places = self._plans[task_id]
        stage, unit, index = places.of[step.id]
        if index and not self._done(task_id, unit.steps[index - 1]):
            self.wrong(f"{step.id} begins before the step before it is done")
        if index or self._entries(task_id, step.id):
            return
        prefix = f"{task_id:012d}/"
        failed: list[Any] = [
            row
            for key, (_, row) in self.rows(JournalEntry).items()
            if key.startswith(prefix) and row.state == "failed"  # type: ignore[attr-defined]
        ]
        if failed:
            self.wrong(f"{unit.id} begins although {failed[0].step_id} failed")
        for need in stage.needs:
            if not all(self._done(task_id, one.steps[-1]) for one in places.stages[need].units):
                self.wrong(f"{unit.id} begins before stage {need} has ended")
        begun = [one for one in stage.units if one is not unit and self._entries(task_id, one.steps[0].id)]
        changing = sum(not self._done(task_id, one.steps[-1]) for one in begun) + 1
        allowed = stage.width
        if stage.id.startswith("update/"):
            allowed = min(allowed, self.widths.get(stage.tags[0], allowed))
        if changing > max(allowed, 1):
            self.wrong(f"{changing} units of {stage.id} are in change at once, allowed are {allowed}")


class _Places:
    """Where each step of a plan stands."""

    def __init__(self, plan: Plan) -> None:
        self.stages = {stage.id: stage for stage in plan.stages}
        self.of: dict[str, tuple[Stage, Unit, int]] = {
            step.id: (stage, unit, index)
            for stage in plan.stages
            for unit in stage.units
            for index, step in enumerate(unit.steps)
        }
