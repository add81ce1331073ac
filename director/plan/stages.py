"""The stages of a deploy's plan: leftovers, deletions, creations, updates wave by wave, the close."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from director.model.actions import (
    DeleteDisk,
    DeleteVm,
    DetachDisk,
    OrphanDisk,
    RunScript,
    SaveDeployment,
    UnmountDisk,
)
from director.model.deployment import InstanceGroup, UpdatePolicy
from director.model.plan import Cause, Stage, Unit
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.plan import sequences
from director.plan.changes import Options, Work, chosen
from director.plan.compare import Depth
from director.plan.rollout import count, split
from director.plan.sequences import Steps, Subject
from director.plan.world import Wanted


def delete_stage(
    rows: Sequence[tuple[InstanceRow, DiskRow | None]],
    title: str,
    options: Options,
    *,
    width: int,
    deployment_goes: bool = False,
    id: str = "delete",
    needs: tuple[str, ...] = (),
    group: str = "",
) -> Stage | None:
    """Instances that are to go; ``group`` when they are surplus of a group that stays."""
    units: list[Unit] = []
    for row, disk in rows:
        cause = (
            Cause("deployment", None, "deleted") if deployment_goes else Cause("instance", None, "not wanted any more")
        )
        steps = Steps(f"{id}/{row.id}", (cause,))
        if row.applied is not None:
            subject = Subject(
                spec=row.applied,
                agent_id=row.agent_id,
                disk=disk,
                skip_drain=chosen(options.skip_drain, row.group),
                tolerate=options.force or row.id in options.unresponsive,
                running=row.dirty or row.applied.state == "started",
            )
            sequences.delete(steps, subject, deployment_goes=deployment_goes)
        else:
            sequences.forget(steps, row, disk)
        units.append(Unit(id=row.id, task=f"{row.name} ({row.index})", steps=tuple(steps.list)))
    return Stage(id, title, tuple(units), width=width, needs=needs, tags=(group,) if group else ()) if units else None


def leftover_stage(vms: Sequence[VmRow], disks: Sequence[DiskRow], *, width: int) -> Stage | None:
    """What an interrupted deploy left: compilation VMs, VMs and disks that no instance uses."""
    units: list[Unit] = []
    for vm in vms:
        steps = Steps(f"leftover/{vm.agent_id}", (Cause("vm", None, "left by an unfinished task"),))
        steps.add(DeleteVm(agent_id=vm.agent_id, release=vm.purpose == "compilation" or not vm.active), "delete the VM")
        units.append(Unit(f"leftover/{vm.agent_id}", f"vm {vm.cid or vm.object_key}", tuple(steps.list)))
    for disk in disks:
        steps = Steps(f"leftover/{disk.object_key}", (Cause("disk", None, "left by an unfinished task"),))
        if not disk.cid:
            steps.add(DeleteDisk(object_key=disk.object_key), "delete the disk")
        else:
            if disk.attached_to:
                steps.add(
                    UnmountDisk(object_key=disk.object_key, instance_id=disk.instance_id, tolerate=True),
                    "unmount the disk",
                )
                steps.add(
                    DetachDisk(object_key=disk.object_key, instance_id=disk.instance_id, tolerate=True),
                    "detach the disk",
                )
            steps.add(OrphanDisk(object_key=disk.object_key), "orphan the disk")
        units.append(Unit(f"leftover/{disk.object_key}", f"disk {disk.cid or disk.object_key}", tuple(steps.list)))
    return Stage("leftover", "Deleting leftovers", tuple(units), width=width) if units else None


def create_stage(work: Sequence[Work], *, needs: tuple[str, ...], width: int) -> Stage | None:
    """VMs that are missing, and those that are to take another's place, of all groups at once."""
    units: list[Unit] = []
    for one in work:
        steps = Steps(f"create/{one.subject.spec.id}", one.causes)
        if one.swaps:
            sequences.make_vm(steps, one.subject, standby=True)
        else:
            sequences.create(steps, one.subject)
        units.append(Unit(id=one.subject.spec.id, task=one.task, steps=tuple(steps.list)))
    return Stage("create", "Creating missing vms", tuple(units), width=width, needs=needs) if units else None


def update_stages(
    wanted: Wanted,
    work: Sequence[Work],
    surplus: dict[str, list[tuple[InstanceRow, DiskRow | None]]],
    options: Options,
    *,
    needs: tuple[str, ...],
) -> list[Stage]:
    """Group after group (neighbouring ``serial: false`` groups together); in a group first its surplus goes, then AZ after AZ is updated,
    canaries first."""
    result: list[Stage] = []
    barrier = needs
    tails: list[str] = []  # of the batch of parallel groups that is open
    by_group: dict[str, list[Work]] = {}
    for one in work:
        by_group.setdefault(one.group.name, []).append(one)
    for group in wanted.deployment.instance_groups:
        # a serial group divides batches even when nothing changes in it
        if group.update.serial and tails:
            barrier, tails = tuple(tails), []
        made = _turn(wanted, group, by_group.get(group.name, []), surplus.get(group.name, []), options, barrier)
        if not made:
            continue
        result += made
        if group.update.serial:
            barrier = (made[-1].id,)
        else:
            tails.append(made[-1].id)
    return result


def _turn(
    wanted: Wanted,
    group: InstanceGroup,
    work: list[Work],
    surplus: list[tuple[InstanceRow, DiskRow | None]],
    options: Options,
    needs: tuple[str, ...],
) -> list[Stage]:
    made: list[Stage] = []
    if surplus:
        width = count(group.update.max_in_flight, len(surplus), least=1, name="max_in_flight")
        title, id = "Deleting unneeded instances", f"delete/{group.name}"
        going = delete_stage(surplus, title, options, width=width, id=id, needs=needs, group=group.name)
        if going:
            made.append(going)
            needs = (going.id,)
    by_id = {one.subject.spec.id: one for one in work}
    changed = [(one.subject.spec.id, one.subject.spec.az) for one in work]
    for number, (_, width, canary, ids) in enumerate(split(changed, group.update, first_deploy=wanted.first)):
        units = tuple(_update_unit(by_id[one], group.update, canary=canary, number=number) for one in ids)
        stage = Stage(
            f"update/{group.name}/{number}", "Updating instance", units, width=width, needs=needs, tags=(group.name,)
        )
        made.append(stage)
        needs = (stage.id,)
    return made


def _update_unit(work: Work, policy: UpdatePolicy, *, canary: bool, number: int) -> Unit:
    watch = policy.canary_watch_time if canary else policy.update_watch_time
    subject = replace(work.subject, watch=watch)
    steps = Steps(f"update/{subject.spec.id}/{number}", work.causes)
    if subject.spec.state == "detached":
        _detach(steps, work, subject)
    elif work.change.depth is Depth.TAGS:
        sequences.tags(steps, subject)
        sequences.finish(steps, subject)
    elif work.creates:
        sequences.disk_steps(steps, subject, attached=False)
        sequences.start_jobs(steps, subject)
    elif work.swaps:
        sequences.begin(steps, subject)
        sequences.prepare(steps, subject, agent_id=subject.new_agent_id)
        if subject.running:
            sequences.stop_jobs(steps, subject, vm_goes=True)
        sequences.swap_vm(steps, subject)
        sequences.disk_steps(steps, subject, attached=False)
        sequences.start_jobs(steps, subject)
    elif work.change.depth is Depth.RECREATE:
        sequences.begin(steps, subject)
        if work.row is not None and work.row.applied is not None and subject.running:
            sequences.stop_jobs(steps, subject, vm_goes=True)
        sequences.remove_vm(steps, subject)
        sequences.make_vm(steps, subject)
        sequences.disk_steps(steps, subject, attached=False)
        sequences.start_jobs(steps, subject)
    elif _only_stops(work):
        sequences.begin(steps, subject)
        sequences.stop_jobs(steps, subject, vm_goes=False)
        sequences.finish(steps, subject)
    else:
        _in_place(steps, work, subject)
    task = work.task + (" (canary)" if canary else "")
    return Unit(id=subject.spec.id, task=task, steps=tuple(steps.list))


def _detach(steps: Steps, work: Work, subject: Subject) -> None:
    """Stopped hard: the VM goes, the disk stays. (A new instance's row is begun by the stage that creates.)"""
    if not work.creates:
        sequences.begin(steps, subject)
    if work.vm is not None:
        if work.row is not None and work.row.applied is not None and subject.running:
            sequences.stop_jobs(steps, subject, vm_goes=True)
        sequences.remove_vm(steps, subject)
    sequences.finish(steps, subject)


def _in_place(steps: Steps, work: Work, subject: Subject) -> None:
    sequences.begin(steps, subject)
    sequences.prepare(steps, subject)
    # a first update that did not finish may have started the jobs
    begun = work.row is not None and (work.row.applied is not None or work.row.midstate == "applied")
    if begun and subject.running:
        sequences.stop_jobs(steps, subject, vm_goes=False)
    disk = subject.disk
    if disk is not None and disk.attached_to and not subject.mounted:
        # halfway between two states: from the start again, as not every cloud attaches twice
        steps.add(DetachDisk(object_key=disk.object_key, instance_id=subject.spec.id, tolerate=True), "detach the disk")
    sequences.disk_steps(steps, subject, attached=subject.mounted)
    if work.change.tags:
        sequences.tags(steps, subject)
    sequences.start_jobs(steps, subject)


def _only_stops(work: Work) -> bool:
    """Nothing but the state changes, from started to stopped: nothing has to be installed."""
    return work.subject.spec.state == "stopped" and all(one.field == "state" for one in work.causes)


def closing_stages(
    wanted: Wanted, work: Sequence[Work], options: Options, *, touched: bool, needs: tuple[str, ...]
) -> list[Stage]:
    """The deployment's row as deployed; when anything changed, post-deploy scripts on all instances that have one."""
    steps = Steps("save")
    for one in work:
        if one.stale:
            sequences.finish(steps, one.subject)
    steps.add(SaveDeployment(row=wanted.row), "record the deployment")
    result = [
        Stage("save", "Recording deployment", (Unit("save", wanted.deployment.name, tuple(steps.list)),), needs=needs)
    ]
    if not touched or options.only:
        return result
    units: list[Unit] = []
    for one in work:
        spec = one.subject.spec
        has_vm = spec.state == "started" and (one.vm is not None or bool(one.subject.new_agent_id))
        has_script = any("post-deploy" in job.scripts for job in spec.jobs)
        if not has_vm or not has_script or (one.row is not None and one.row.ignore):
            continue
        post = Steps(f"post-deploy/{spec.id}")
        post.add(RunScript(instance_id=spec.id, script="post-deploy"), "run post-deploy")
        units.append(Unit(f"post-deploy/{spec.id}", one.task, tuple(post.list)))
    if units:
        width = min(options.width, len(units))
        result.append(Stage("post-deploy", "Running post-deploy", tuple(units), width=width, needs=("save",)))
    return result
