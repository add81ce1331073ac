"""Deliberate faults: mistakes that engineers make, put into the engine, the steps, the planner or the store while a `with` lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
import pytest

from director.adapters.memory.cloud import MemoryCloud
from director.adapters.memory.store import MemoryStore
from director.engine import effect, journal, lease, order, recover, run
from director.engine.context import TaskContext
from director.engine.journal import Journal
from director.model.plan import Step
from director.model.rows import AddressRow, DiskRow, InstanceRow, JournalEntry, VmRow
from director.ports.store import Changes
from director.steps.attach_disk import AttachDiskStep
from director.steps.create_disk import CreateDiskStep
from director.steps.create_vm import CreateVmStep
from director.steps.delete_instance import DeleteInstanceStep
from director.steps.delete_vm import DeleteVmStep
from director.steps.finish_instance import FinishInstanceStep
from director.steps.step import Adopt, Intent, Outcome, Repeat, StepRun
from tests.recovery import watcher

Patch = pytest.MonkeyPatch
FAULTS: dict[str, Callable[[Patch], None]] = {}


def fault(put: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Add it to the table, under its name."""
    FAULTS[put.__name__.replace("_", " ").strip()] = put
    return put


@contextmanager
def _put(name: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        FAULTS[name](patch)
        yield


def put(name: str) -> AbstractContextManager[None]:
    """The director with this fault."""
    return _put(name)


# the journal


@fault
def result_committed_before_the_effect(patch: Patch) -> None:
    real = Journal.intend

    async def intend(self: Journal, step: Step, intent: Intent) -> JournalEntry:
        entry = await real(self, step, intent)
        await self.done(entry, Outcome())
        return entry

    patch.setattr(Journal, "intend", intend)


@fault
def intent_not_committed(patch: Patch) -> None:
    async def intend(self: Journal, step: Step, intent: Intent) -> JournalEntry:
        return self._next(step, "intent", object_key=intent.object_key, data=intent.data)

    patch.setattr(Journal, "intend", intend)


@fault
def rows_of_an_intent_left_out(patch: Patch) -> None:
    real = Journal.intend

    async def intend(self: Journal, step: Step, intent: Intent) -> JournalEntry:
        return await real(self, step, Intent(intent.object_key, Changes(), intent.data))

    patch.setattr(Journal, "intend", intend)


@fault
def rows_of_an_outcome_lost_now_and_then(patch: Patch) -> None:
    real, count = Journal.done, iter(range(1 << 30))

    async def done(self: Journal, entry: JournalEntry, outcome: Outcome, **options: Any) -> None:
        await real(self, entry, Outcome(result=outcome.result) if next(count) % 10 == 9 else outcome, **options)

    patch.setattr(Journal, "done", done)


@fault
def outcome_in_two_commits(patch: Patch) -> None:
    real = Journal.done

    async def done(self: Journal, entry: JournalEntry, outcome: Outcome, **options: Any) -> None:
        await real(self, entry, Outcome(result=outcome.result), **options)
        await self._store.commit(outcome.changes, lease=self._hold.lease)

    patch.setattr(Journal, "done", done)


@fault
def journal_not_read_on_resume(patch: Patch) -> None:
    async def read(self: Journal) -> None:
        return None

    patch.setattr(Journal, "read", read)


@fault
def done_steps_done_again_on_resume(patch: Patch) -> None:
    real = run._Run._pick_up

    def pick_up(self: run._Run) -> None:
        real(self)
        for work in self.order.works.values():
            work.done = max(0, work.done - 1) if not work.ended else work.done

    patch.setattr(run._Run, "_pick_up", pick_up)


@fault
def planned_anew_on_resume(patch: Patch) -> None:
    async def stored_plan(self: TaskContext) -> None:
        return None

    async def save_plan(store: Any, task_id: int, plan: Any, hold: Any) -> None:
        row = journal.PlanRow(task_id=task_id, digest="", text=msgspec.json.encode(plan).decode())
        await store.commit(Changes(put=[row]), lease=hold.lease)

    patch.setattr(TaskContext, "stored_plan", stored_plan)
    patch.setattr("director.engine.context.save_plan", save_plan)


# settling what is open


def _always_repeat(patch: Patch, kind: type[StepRun[Any]]) -> None:
    async def again(self: StepRun[Any], io: Any, entry: JournalEntry) -> Repeat:
        return Repeat()

    patch.setattr(kind, "recover", again)


@fault
def create_vm_always_repeated(patch: Patch) -> None:
    _always_repeat(patch, CreateVmStep)


@fault
def create_disk_always_repeated(patch: Patch) -> None:
    _always_repeat(patch, CreateDiskStep)


@fault
def everything_open_adopted(patch: Patch) -> None:
    async def adopt(self: StepRun[Any], io: Any, entry: JournalEntry) -> Adopt:
        return Adopt(Outcome())

    patch.setattr(StepRun, "recover", adopt)


@fault
def open_intents_not_settled(patch: Patch) -> None:
    async def nothing(hands: Any, plan: Any) -> recover.Settled:
        return recover.Settled()

    patch.setattr(run, "settle_all", nothing)


@fault
def lost_answers_taken_for_failures_to_be_repeated(patch: Patch) -> None:
    async def settle(hands: effect.Hands, step: Step, entry: JournalEntry, first: object = None) -> str:
        await hands.journal.repeated(entry)
        return hands.journal.state(step)

    patch.setattr(effect, "settle", settle)


# leases and fences


@fault
def lease_not_checked_in_commits(patch: Patch) -> None:
    patch.setattr(MemoryStore, "_check", lambda self, lease, expired=False: None)


@fault
def lease_not_checked_before_calls(patch: Patch) -> None:
    async def check(self: lease.Hold) -> None:
        return None

    patch.setattr(lease.Hold, "check", check)


@fault
def lease_checked_once_per_step_only(patch: Patch) -> None:
    patch.setattr(run, "guarded", lambda ports, hold: ports)


@fault
def lease_never_renewed(patch: Patch) -> None:
    async def keep(self: lease.Hold) -> None:
        return None

    patch.setattr(lease.Hold, "_keep", keep)


@fault
def taken_over_without_waiting_for_the_lease(patch: Patch) -> None:
    real = MemoryStore.acquire

    async def acquire(self: MemoryStore, name: str, owner: str, seconds: float) -> Any:
        known = self.content.leases.get(name)
        if known is not None and known.owner and known.expires_at - self._now() < 25:
            await self.release(known)
        return await real(self, name, owner, seconds)

    async def leases(self: MemoryStore, prefix: str = "") -> list[Any]:
        return [one for one in self.content.leases.values() if one.owner and one.expires_at - self._now() > 25]

    patch.setattr(MemoryStore, "acquire", acquire)
    patch.setattr(MemoryStore, "leases", leases)


@fault
def workers_outlive_their_director(patch: Patch) -> None:
    patch.setattr(watcher, "WORKERS_DIE", False)
    real = MemoryCloud.create_vm

    async def create_vm(self: MemoryCloud, *arguments: Any, **options: Any) -> Any:
        made = asyncio.ensure_future(real(self, *arguments, **options))
        return await asyncio.shield(made)

    patch.setattr(MemoryCloud, "create_vm", create_vm)


# order and width


@fault
def width_ignored(patch: Patch) -> None:
    real = order.Order.ready

    def ready(self: order.Order, running: Any) -> Any:
        kept = {stage: works for stage, works in self._by_stage.items()}
        wide = order.Order(
            msgspec.structs.replace(
                self.plan, stages=tuple(msgspec.structs.replace(one, width=99) for one in self.plan.stages)
            )
        )
        names = {(work.stage.id, work.unit.id) for work in running}
        for name, work in self.works.items():
            copy = wide.works[name]
            copy.done, copy.begun, copy.failed = work.done, work.begun, work.failed
        assert kept
        found = real(wide, {wide.works[name] for name in names})
        return [self.works[work.stage.id, work.unit.id] for work in found]

    patch.setattr(order.Order, "ready", ready)


@fault
def a_failed_canary_is_ignored(patch: Patch) -> None:
    ended = order.Work.ended
    patch.setattr(order.Work, "ended", property(lambda self: self.failed or ended.__get__(self)))
    patch.setattr(run._Run, "_may_go_on", lambda self, work: True)


@fault
def stages_do_not_wait_for_each_other(patch: Patch) -> None:
    real = order.Order.__post_init__

    def init(self: order.Order) -> None:
        self.plan = msgspec.structs.replace(
            self.plan, stages=tuple(msgspec.structs.replace(one, needs=()) for one in self.plan.stages)
        )
        real(self)

    patch.setattr(order.Order, "__post_init__", init)


# steps


def _without(outcome: Outcome, kind: type[Any]) -> Outcome:
    """The outcome without deletions of this type of row."""
    delete = [one for one in outcome.changes.delete if one[0] is not kind]
    return Outcome(Changes(outcome.changes.put, delete, outcome.changes.expect), outcome.result)


@fault
def addresses_are_not_freed(patch: Patch) -> None:
    for step in (DeleteVmStep, DeleteInstanceStep):
        real = step.run

        async def go(self: Any, io: Any, intent: Intent, real: Any = real) -> Outcome:
            return _without(await real(self, io, intent), AddressRow)

        patch.setattr(step, "run", go)


@fault
def row_deleted_before_the_vm(patch: Patch) -> None:
    real = DeleteVmStep.run

    async def intend(self: DeleteVmStep, io: Any) -> Intent:
        row = await io.store.get(VmRow, self.args.agent_id)
        return Intent(
            changes=Changes(delete=[(VmRow, self.args.agent_id)]),
            data={"row": msgspec.to_builtins(row) if row else None},
        )

    async def go(self: DeleteVmStep, io: Any, intent: Intent) -> Outcome:
        if intent.data["row"] is None:
            return Outcome()
        row = msgspec.convert(intent.data["row"], VmRow)
        cid = await self._gone(io, row)
        instance = await io.store.get(InstanceRow, row.instance_id) if row.instance_id else None
        put = [msgspec.structs.replace(instance, agent_id="")] if instance is not None else []
        disks = await io.store.find(DiskRow, deployment=row.deployment) if cid else []
        put += [msgspec.structs.replace(one, attached_to="", hint=None) for one in disks if one.attached_to == cid]
        delete = []
        if self.args.release:
            held = await io.store.find(AddressRow, owner=row.instance_id or row.agent_id)
            delete = [(AddressRow, one.key) for one in held]
        return Outcome(Changes(put=put, delete=delete), {"cid": cid})

    assert real
    patch.setattr(DeleteVmStep, "intend", intend)
    patch.setattr(DeleteVmStep, "run", go)


@fault
def key_not_stamped_on_vms(patch: Patch) -> None:
    real = MemoryCloud.create_vm

    async def create_vm(self: MemoryCloud, *arguments: Any, key: str, **options: Any) -> Any:
        return await real(self, *arguments, key="", **options)

    patch.setattr(MemoryCloud, "create_vm", create_vm)


@fault
def a_key_of_its_own_for_each_try(patch: Patch) -> None:
    real, count = MemoryCloud.create_disk, iter(range(1 << 30))

    async def create_disk(self: MemoryCloud, *arguments: Any, key: str, **options: Any) -> Any:
        return await real(self, *arguments, key=f"{key}-{next(count)}", **options)

    patch.setattr(MemoryCloud, "create_disk", create_disk)


@fault
def an_attachment_is_told_only_afterwards(patch: Patch) -> None:
    patch.setattr(AttachDiskStep, "intend", StepRun.intend)


@fault
def an_instance_is_finished_but_stays_dirty(patch: Patch) -> None:
    real = FinishInstanceStep.run

    async def go(self: FinishInstanceStep, io: Any, intent: Intent) -> Outcome:
        outcome = await real(self, io, intent)
        put = [
            msgspec.structs.replace(row, dirty=True) if isinstance(row, InstanceRow) else row
            for row in outcome.changes.put
        ]
        return Outcome(Changes(put), outcome.result)

    patch.setattr(FinishInstanceStep, "run", go)


@fault
def agents_are_given_another_key_after_a_restart(patch: Patch) -> None:
    count = iter(range(1 << 30))
    patch.setattr(effect, "call_key", lambda task_id, step: f"t{task_id}/{step.id}/{next(count)}")
