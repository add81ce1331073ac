"""What goes wrong in a random case, and when: each disturbance strikes once, at a number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from director.model.errors import AgentError, CloudError
from director.model.plan import Step
from director.model.rows import Task
from director.ports.store import Changes
from tests.recovery.life import Life
from tests.recovery.realm import Realm
from tests.recovery.watcher import Watcher

CLOUD = ("create_vm", "delete_vm", "create_disk", "attach_disk", "detach_disk", "set_vm_metadata", "find")
AGENT = (
    "apply",
    "stop",
    "start",
    "drain",
    "prepare",
    "mount_disk",
    "unmount_disk",
    "migrate_disk",
    "run_script",
    "get_state",
    "ping",
    "compile_package_with_signed_url",
    "add_persistent_disk",
)


class Disturbance(Struct, frozen=True, omit_defaults=True):
    """``kind``: kill, freeze (a director, for ``seconds``); at the ``at``-th point of a step or, with ``what`` store, dealing with the store.
    fail, botch (it fails, and yet has taken effect), lose, slow, block: the ``at``-th call of method ``what`` (``cloud create_vm``, ``agent stop``). vanish, silence, sick (jobs do not come
    up): VM number ``what`` at the ``at``-th effect. cancel: at the ``at``-th point."""

    kind: str
    at: int
    what: str = ""
    seconds: float = 0

    @property
    def may_fail(self) -> bool:
        """Whether the task may end in an error, or cancelled, because of it."""
        return self.kind in ("fail", "botch", "block", "vanish", "silence", "sick", "cancel") or self.what.startswith(
            "agent"
        )


def random_disturbances(dice: random.Random, moments: int) -> tuple[Disturbance, ...]:
    """One to four; ``moments`` is about how many points of steps the task has."""
    return tuple(_one(dice, moments) for _ in range(dice.choice((1, 1, 2, 2, 3, 4))))


def _one(dice: random.Random, moments: int) -> Disturbance:
    kind = dice.choice(
        ("kill",) * 6
        + ("freeze",) * 3
        + ("lose",) * 3
        + ("fail", "fail", "botch", "botch")
        + ("slow", "block", "vanish", "silence", "sick", "cancel")
    )
    points = dice.randint(1, max(1, moments))
    match kind:
        case "kill":
            store = dice.random() < 0.4
            return Disturbance(kind, points * 2 if store else points, "store" if store else "")
        case "freeze":
            store = dice.random() < 0.4
            seconds = dice.choice((5.0, 25.0, 45.0, 120.0))
            return Disturbance(kind, points * 2 if store else points, "store" if store else "", seconds)
        case "lose" | "fail" | "botch" | "slow":
            side = "cloud" if kind == "slow" or dice.random() < 0.7 else "agent"
            method = dice.choice(CLOUD if side == "cloud" else AGENT)
            return Disturbance(kind, dice.randint(1, 4), f"{side} {method}", 6.0 if kind == "slow" else 0)
        case "block":
            return Disturbance(kind, 1, f"cloud {dice.choice(('detach_disk', 'delete_vm', 'attach_disk'))}")
        case "cancel":
            return Disturbance(kind, points)
        case _:
            return Disturbance(kind, max(1, points // 6), dice.choice("01234567"))


@dataclass
class Trouble:
    """Lets disturbances strike. ``struck`` tells which did."""

    realm: Realm
    watcher: Watcher
    left: list[Disturbance]
    task_id: int = 0
    points: int = 0
    moments: int = 0
    struck: list[Disturbance] = field(default_factory=list[Disturbance])

    def prepare(self) -> None:
        """Hand the faults of calls to cloud and agents, and watch effects for the others."""
        for one in [one for one in self.left if one.kind in ("fail", "botch", "lose", "slow", "block")]:
            side, called = one.what.split()
            # a question for many keys is the same question
            for method in ("find", "find_all") if called == "find" else (called,):
                self._put(one, side, method)
            self.left.remove(one)
            self.struck.append(one)
        self.watcher.followers = [self._effect]

    def _put(self, one: Disturbance, side: str, method: str) -> None:
        script = self.realm.cloud.script if side == "cloud" else self.realm.agents.script
        if one.kind == "slow":
            script.delay(method, one.seconds, nth=one.at)
        elif one.kind == "block":
            script.block(method, CloudError("It is stuck", type="Bosh::Clouds::CloudError", method=method))
        elif side == "cloud" and one.kind == "lose":
            script.lose(method, self.realm.cloud.unsettled(method), nth=one.at)
        elif side == "cloud" and one.kind == "botch":
            script.lose(method, self.realm.cloud.refused(method), nth=one.at)
        elif side == "cloud":
            script.fail(method, self.realm.cloud.refused(method, ok_to_retry=bool(one.at % 2)), nth=one.at)
        elif one.kind == "lose":
            script.lose(method, TimeoutError(), nth=one.at)
        elif one.kind == "botch":
            script.lose(method, AgentError(f"{method} failed", agent_id="", method=method), nth=one.at)
        else:
            script.fail(method, AgentError(f"{method} failed", agent_id="", method=method), nth=one.at)

    def _due(self, kinds: tuple[str, ...], number: int, what: str | None = None) -> list[Disturbance]:
        due = [one for one in self.left if one.kind in kinds and one.at <= number and what in (None, one.what)]
        for one in due:
            self.left.remove(one)
            self.struck.append(one)
        return due

    def _effect(self, method: str) -> None:
        for one in self._due(("vanish", "silence", "sick"), self.watcher.effects):
            vms = list(self.realm.cloud.inventory.vms.values())
            if not vms:
                continue
            vm = vms[int(one.what) % len(vms)]
            guest = self.realm.agents.guest(vm.agent_id)
            assert guest is not None
            if one.kind == "vanish":
                self.realm.take_away(vm.cid)
            elif one.kind == "silence":
                self.realm.agents.silent.add(vm.agent_id)
            else:
                guest.failing = True

    def moment(self, life: Life) -> None:
        """Of a life with the store. Before the task is there nobody can lose it: who asked for it gets no answer."""
        if not self.task_id:
            return
        self.moments += 1
        for one in self._due(("kill", "freeze"), self.moments, "store"):
            self._strike(life, one)

    async def point(self, life: Life, point: str, step: Step) -> None:
        self.points += 1
        for one in self._due(("kill", "freeze"), self.points, ""):
            self._strike(life, one)
        for _ in self._due(("cancel",), self.points):
            row = await self.realm.store.get(Task, f"{self.task_id:012d}")
            if row.state in ("queued", "processing"):
                await self.realm.store.commit(Changes(put=[replace(row, state="cancelling")]))

    def _strike(self, life: Life, one: Disturbance) -> None:
        if one.kind == "kill":
            life.kill()
        else:
            life.freeze(one.seconds)
