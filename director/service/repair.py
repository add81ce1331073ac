"""The steps that mend one problem."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from director.model.actions import (
    Apply,
    AttachDisk,
    DeleteVm,
    DetachDisk,
    MountDisk,
    OrphanDisk,
    RebootVm,
    RunScript,
    Start,
    UnmountDisk,
)
from director.model.cpi_names import names_of
from director.model.deployment import Document
from director.model.errors import AgentError, DirectorError
from director.model.plan import Cause, Unit
from director.model.rows import DiskRow, InstanceRow, StemcellRow, VmRow
from director.plan import sequences
from director.plan.ids import Ids
from director.plan.sequences import Steps, Subject
from director.plan.world import World
from director.ports.agents import AgentLog
from director.service.house import House
from director.service.problems import INACTIVE_DISK, UNRESPONSIVE, WAYS, Problem

RECREATES = ("recreate_vm", "recreate_vm_without_wait")
READY = "the cloud answers and has the stemcell; whether its quota allows the VM is known only when it is made"


class Repair(Struct, frozen=True):
    """``agent_id`` of the VM that it makes, empty when it makes none."""

    unit: Unit
    instance: str
    agent_id: str = ""


async def repair(house: House, problem: Problem, way: str, ids: Ids, watch: tuple[int | None, int]) -> Repair | None:
    """The unit for a problem's resolution; None when there is nothing to be done (ignored, or gone meanwhile)."""
    row = await house.store.get(InstanceRow, problem.instance)
    if row is None or way in ("ignore", "close"):
        return None
    causes = [Cause(problem.type, problem.description, way)]
    if problem.type == UNRESPONSIVE and way in RECREATES:
        causes.append(Cause("create_vm", None, READY))
    steps = Steps(f"repair/{problem.id}", causes)
    made = ""
    match way:
        case "recreate_vm" | "recreate_vm_without_wait":
            made = ids.next(f"vm/{row.id}")
            there = problem.type == UNRESPONSIVE
            await _make_anew(house, steps, row, made, watch, wait=way == "recreate_vm", still_there=there)
        case "reboot_vm":
            steps.add(RebootVm(instance_id=row.id), "reboot the VM")
        case "delete_vm":
            steps.add(DeleteVm(agent_id=row.agent_id), "delete the VM")
        case "delete_disk_reference":
            _forget_disk(steps, row, problem.resource)
        case "delete_disk":
            # not unmounted: `refusal` has seen that it is not in use
            steps.add(DetachDisk(object_key=problem.resource, instance_id=row.id, tolerate=True), "detach the disk")
            steps.add(OrphanDisk(object_key=problem.resource), "orphan the disk")
        case "activate_disk":
            steps.add(MountDisk(object_key=problem.resource, instance_id=row.id), "take the disk that is mounted")
        case "reattach_disk" | "reattach_disk_and_reboot":
            steps.add(AttachDisk(object_key=problem.resource, instance_id=row.id), "attach the disk")
            steps.add(MountDisk(object_key=problem.resource, instance_id=row.id), "mount the disk")
            if way == "reattach_disk_and_reboot":
                steps.add(RebootVm(instance_id=row.id), "reboot the VM")
        case _:
            raise AssertionError(f"no steps for resolution {way}")
    task = f"{problem.description} ({problem.type} {problem.id}): {WAYS[problem.type][way]}"
    return Repair(Unit(f"problem/{problem.id}", task, tuple(steps.list)), row.id, made)


async def refusal(house: House, problem: Problem, way: str, log: AgentLog) -> str:
    """Why the resolution must not be carried out, by what the agent says now; empty when it may."""
    if way in ("ignore", "close") or problem.type not in (UNRESPONSIVE, INACTIVE_DISK):
        return ""
    row = await house.store.get(InstanceRow, problem.instance)
    agent_id = row.agent_id if row is not None else ""
    if problem.type == UNRESPONSIVE:
        try:
            await house.agents.call(agent_id, "ping", timeout=5, log=log)
        except AgentError:
            return await _cannot_create(house, row) if row is not None and way in RECREATES else ""
        return "Agent is responding now, skipping resolution"
    disk = await house.store.get(DiskRow, problem.resource)
    cid = disk.cid if disk is not None else ""
    mounted: list[str] = []
    if agent_id:
        try:
            mounted = await house.agents.run(agent_id, "list_disk", timeout=45, log=log)
        except AgentError as error:
            return f"Unable to determine whether disk '{cid}' is mounted: {error.message}"
    if way == "delete_disk":
        return "Disk is currently in use" if cid in mounted else ""
    if cid not in mounted:
        return "Disk is not mounted"
    others = await house.store.find(DiskRow, instance_id=problem.instance)
    return "Instance already has an active disk" if any(one.active for one in others) else ""


async def _cannot_create(house: House, row: InstanceRow) -> str:
    """Why another VM cannot be made, as far as that can be told before the present one is deleted; empty when nothing speaks against it."""
    assert row.applied is not None
    vm = row.applied.vm
    version = f"{vm.stemcell_name}/{vm.stemcell_version}"
    for cpi in names_of(vm.cpi, await house.clouds.renamed()):
        stemcell = await house.store.get(StemcellRow, f"{version}/{cpi}")
        if stemcell is not None and stemcell.cid:
            break
    else:
        return f"The VM is kept, as no other can be made: stemcell '{version}' is not uploaded"
    try:
        await (await house.clouds.get(vm.cpi)).info()
    except DirectorError as error:
        return f"The VM is kept, as no other can be made: the cloud does not answer: {error.message}"
    return ""


def _elsewhere(networks: Document) -> bool:
    """Whether a second VM can stand beside the first: the cloud chooses its addresses, and nothing that was rendered names them."""
    return bool(networks) and all(one.get("type") == "dynamic" for one in networks.values())


async def _make_anew(
    house: House,
    steps: Steps,
    row: InstanceRow,
    agent_id: str,
    watch: tuple[int | None, int],
    *,
    wait: bool,
    still_there: bool,
) -> None:
    """The VM as it was last applied, with the disk that it had; made before the old one goes where the old one is ``still_there`` and its
    addresses allow it."""
    assert row.applied is not None  # the scan passes over instances that were never updated
    world = World((row,), (), tuple(await house.store.find(DiskRow, instance_id=row.id)))
    vm = await house.store.get(VmRow, row.agent_id) if row.agent_id else None
    spec = row.applied
    subject = Subject(
        spec=replace(spec, state=row.state),
        agent_id=row.agent_id,
        new_agent_id=agent_id,
        disk=world.disk_of(row.id),
        variable_set=row.variable_set,
        watch=watch,
        tags=dict(spec.tags),
        metadata={
            "director": house.site.name,
            "deployment": spec.deployment,
            "id": spec.id,
            "job": spec.group,
            "instance_group": spec.group,
            "index": str(spec.index),
            "name": spec.name,
        },
        tolerate=True,
    )
    sequences.begin(steps, subject)
    for left in await house.store.find(VmRow, instance_id=row.id):
        if left.agent_id != row.agent_id and left.orphaned_at is None:
            steps.add(DeleteVm(agent_id=left.agent_id), "delete what an earlier try left")
    if vm is not None and vm.cid and still_there and _elsewhere(spec.vm.networks):
        sequences.make_vm(steps, subject, standby=True)
        sequences.swap_vm(steps, subject)
        # its jobs may still run
        steps.add(DeleteVm(agent_id=vm.agent_id, release=True), "delete the old VM")
    else:
        if vm is not None:
            sequences.remove_vm(steps, subject)
        sequences.make_vm(steps, subject)
    sequences.disk_steps(steps, subject, attached=False)
    if wait or subject.spec.state != "started":
        sequences.start_jobs(steps, subject)
        return
    steps.add(Apply(spec=subject.spec), "install packages and jobs")
    steps.add(RunScript(instance_id=row.id, script="pre-start"), "run pre-start")
    steps.add(Start(instance_id=row.id), "start the jobs")
    sequences.finish(steps, subject)


def _forget_disk(steps: Steps, row: InstanceRow, key: str) -> None:
    """Given to nobody; what can still be unmounted and detached is."""
    steps.add(UnmountDisk(object_key=key, instance_id=row.id, tolerate=True), "unmount the disk")
    steps.add(DetachDisk(object_key=key, instance_id=row.id, tolerate=True), "detach the disk")
    steps.add(OrphanDisk(object_key=key), "orphan the disk")
