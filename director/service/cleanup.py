"""Clean up: what nothing uses, found and deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct, convert
from msgspec.structs import replace

from director.engine.context import TaskContext
from director.engine.locks import locks
from director.model.actions import Action, DeleteDisk, DeleteStemcell, DeleteVm
from director.model.briefs import DeploymentBrief
from director.model.plan import Plan, Stage, Unit
from director.model.rows import CompiledPackageRow, DiskRow, ReleaseRow, SettingRow, StemcellRow, VmRow
from director.plan.sequences import Steps
from director.ports.store import Changes, Store
from director.service import configs
from director.service.audit import audited
from director.service.deletions import delete_releases
from director.service.export_release import EXPORTED
from director.service.house import House
from director.service.possible_orphans import look_again
from director.service.stage import StageLog
from meristem.formats import versions

KEPT = 2
ORPHANED_VMS = "Deleting orphaned vms"

T = TypeVar("T")


class CleanupRequest(Struct, frozen=True):
    """Without ``remove_all`` the two newest unused versions of each release and stemcell stay, and so do orphaned disks."""

    remove_all: bool = False
    keep_orphaned_disks: bool = False


class Unused(Struct, frozen=True):
    """What a clean-up deletes."""

    releases: tuple[ReleaseRow, ...] = ()
    stemcells: tuple[StemcellRow, ...] = ()
    compiled: tuple[CompiledPackageRow, ...] = ()
    disks: tuple[DiskRow, ...] = ()
    vms: tuple[VmRow, ...] = ()
    exported: tuple[str, ...] = ()  # blob ids


async def find_unused(store: Store, request: CleanupRequest) -> Unused:
    """Releases that neither a deployment nor a runtime config names, stemcells of no deployment; with ``remove_all`` also compiled
    packages that lost their release or stemcell, and orphaned disks; orphaned VMs always."""
    deployments = await store.find(DeploymentBrief)
    releases = await store.find(ReleaseRow)
    used = {pair for one in deployments for pair in one.releases}
    for config in configs.runtime_configs(await configs.current(store, "runtime")):
        for wanted in config.releases:
            known = [row.version for row in releases if row.name == wanted.name]
            used.add((wanted.name, versions.resolve(wanted.version, known) or ""))
    idle = _older([row for row in releases if (row.name, row.version) not in used], request, lambda row: row.version)
    booted = {pair for one in deployments for pair in one.stemcells} | {one.stemcell for one in await store.find(VmRow)}
    stemcells = await store.find(StemcellRow)
    free = [row for row in stemcells if row.cid and (row.name, row.version) not in booted]
    old = _older(free, request, lambda row: row.version)
    orphans = [row for row in await store.find(DiskRow) if row.orphaned_at is not None]
    return Unused(
        releases=tuple(idle),
        stemcells=tuple(old),
        compiled=tuple(await _lost(store, releases, idle, stemcells, old)) if request.remove_all else (),
        disks=tuple(orphans) if request.remove_all and not request.keep_orphaned_disks else (),
        vms=tuple(row for row in await store.find(VmRow) if row.is_left),
        exported=tuple(
            row.name.removeprefix(EXPORTED) for row in await store.find(SettingRow) if row.name.startswith(EXPORTED)
        ),
    )


async def run_cleanup(house: House, context: TaskContext) -> str | None:
    """Handler of ``delete_artifacts``."""
    request = convert(context.task.request, CleanupRequest)
    async with audited(house, context, "cleanup", "director", house.site.name):
        plan = await context.carry_out(lambda: _plan(house, context, request))
    return (
        "Deleted {releases} release(s), {stemcells} stemcell(s), {compiled} extra compiled package(s), {disks} orphaned disk(s), "
        "{vms} orphaned vm(s), {exported} exported release(s), 0 dns blob(s)"
    ).format(**plan.counts)


async def run_orphaned_vms(house: House, context: TaskContext) -> str | None:
    """Handler of ``scheduled_orphaned_vm_cleanup``: VMs that others took the place of."""

    async def make() -> Plan:
        vms = [row for row in await house.store.find(VmRow) if row.orphaned_at is not None]
        stage = _stage(ORPHANED_VMS, [(vm.cid, DeleteVm(agent_id=vm.agent_id, release=True)) for vm in vms])
        return Plan("", (stage,) if stage.units else (), {"vms": len(vms)})

    plan = await context.carry_out(make)
    return f"Deleted {plan.counts['vms']} orphaned vm(s)"


async def _plan(house: House, context: TaskContext, request: CleanupRequest) -> Plan:
    """Rows and blobs go at once; what lies in clouds goes by steps."""
    for name in sorted({row.name for row in (await find_unused(house.store, request)).releases}):
        await context.lock(f"release/{name}")
    settled = await look_again(house, context)
    if settled:
        context.log.warning(f"{settled} possible orphan(s) were looked up again and are settled")
    unused = await find_unused(house.store, request)
    if [lock for lock in await locks(house.store) if lock.type == "deployment"]:
        context.log.warning("A deployment is in progress; releases and stemcells are left for the next clean-up")
        unused = replace(unused, releases=(), stemcells=(), compiled=())
    await delete_releases(
        house, context, StageLog(context.log, "Deleting releases", len(unused.releases)), unused.releases
    )
    stage = StageLog(context.log, "Deleting compiled packages", len(unused.compiled))
    for row in unused.compiled:
        async with stage.task(f"{row.name} for {row.stemcell}"):
            await context.commit(Changes(delete=((CompiledPackageRow, row.key),)))
            await house.blobs.delete(row.blob_id)
    stage = StageLog(context.log, "Deleting exported releases", len(unused.exported))
    for blob in unused.exported:
        async with stage.task(blob):
            await house.blobs.delete(blob)
            await context.commit(Changes(delete=((SettingRow, f"{EXPORTED}{blob}"),)))
    stages = (
        _stage(ORPHANED_VMS, [(vm.cid, _delete(vm)) for vm in unused.vms]),
        _stage("Deleting stemcells", [(row.key, DeleteStemcell(row_key=row.key)) for row in unused.stemcells]),
        _stage("Deleting orphaned disks", [(row.cid, DeleteDisk(object_key=row.object_key)) for row in unused.disks]),
    )
    counts = {
        name: len(getattr(unused, name)) for name in ("releases", "stemcells", "compiled", "disks", "vms", "exported")
    }
    return Plan("", tuple(one for one in stages if one.units), counts)


def _delete(vm: VmRow) -> DeleteVm:
    """A VM that never spoke leaves its instance the addresses."""
    return DeleteVm(agent_id=vm.agent_id, release=vm.owner == vm.agent_id)


def _stage(title: str, gone: Sequence[tuple[str, Action]]) -> Stage:
    units: list[Unit] = []
    for number, (name, action) in enumerate(gone):
        steps = Steps(f"{action.KIND}/{number}")
        steps.add(action, f"delete {name}")
        units.append(Unit(f"{number}", name, tuple(steps.list)))
    return Stage(title, title, tuple(units), width=32)


def _older(rows: Sequence[T], request: CleanupRequest, version: Callable[[T], str]) -> list[T]:
    """All but the newest few versions of each name."""
    named: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        named[str(getattr(row, "name", ""))].append(row)
    found: list[T] = []
    for _, group in sorted(named.items()):
        order = sorted({version(row) for row in group}, key=versions.parse)
        kept = set() if request.remove_all else set(order[-KEPT:])
        found += [row for one in order for row in group if version(row) == one and one not in kept]
    return found


async def _lost(
    store: Store,
    releases: Sequence[ReleaseRow],
    idle: Sequence[ReleaseRow],
    stemcells: Sequence[StemcellRow],
    old: Sequence[StemcellRow],
) -> list[CompiledPackageRow]:
    """Compiled packages whose stemcell, or whose package, is gone or about to go."""
    gone = {row.key for row in (*idle, *old)}
    booted = {f"{row.operating_system}/{row.version}" for row in stemcells if row.key not in gone}
    sources = {one.fingerprint for row in releases if row.key not in gone for one in row.packages}
    rows = await store.find(CompiledPackageRow)
    return [row for row in rows if row.stemcell not in booted or row.fingerprint not in sources]
