"""The steps that one instance goes through, in the contract's order (agent protocol §9): update, recreate, create, stop, delete."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from director.model.actions import (
    Action,
    Apply,
    AttachDisk,
    BeginInstance,
    CreateDisk,
    CreateVm,
    DeleteInstance,
    DeleteVm,
    DetachDisk,
    Drain,
    FinishInstance,
    MountDisk,
    OrphanDisk,
    Prepare,
    RunScript,
    Start,
    Stop,
    SwapVm,
    UnmountDisk,
    UpdateTags,
    WaitAgent,
    Watch,
)
from director.model.deployment import Document
from director.model.instance import InstanceSpec
from director.model.plan import Cause, Step
from director.model.rows import DiskRow, InstanceRow


class Subject(Struct, frozen=True):
    """One instance under change: what is wanted, the VM it has, the disk it has, ids for what has to be made. ``running``: its jobs may be;
    ``mounted``: its disk is attached and in use."""

    spec: InstanceSpec
    agent_id: str = ""
    new_agent_id: str = ""
    disk: DiskRow | None = None
    new_disk_key: str = ""
    variable_set: int = 0
    watch: tuple[int | None, int] = (None, 30000)
    tags: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    skip_drain: bool = False
    tolerate: bool = False
    running: bool = True
    mounted: bool = False
    keep_unreachable: bool = False

    @property
    def disk_changes(self) -> bool:
        """Whether a disk is made or goes."""
        return bool(self.new_disk_key) or (self.disk is not None and self.spec.disk is None)


class Steps:
    """Collects the steps of one unit under ids ``<unit>/<nn>-<kind>``."""

    def __init__(self, unit: str, causes: Sequence[Cause] = ()) -> None:
        self._unit = unit
        self._causes = tuple(causes)
        self.list: list[Step] = []

    def add(self, action: Action, title: str) -> None:
        """Append; the causes go with the first step."""
        causes = () if self.list else self._causes
        self.list.append(action.step(f"{self._unit}/{len(self.list):02d}-{action.KIND}", title, *causes))


def partial_spec(spec: InstanceSpec) -> Document:
    """What a fresh agent is told before it gets its jobs: networks, deployment, job, index, id."""
    return {
        "deployment": spec.deployment,
        "job": {"name": spec.group},
        "index": spec.index,
        "id": spec.id,
        "name": spec.group,
        "az": spec.az,
        "networks": spec.vm.networks,
    }


def make_vm(steps: Steps, subject: Subject, *, purpose: str = "instance", standby: bool = False) -> None:
    """A VM whose agent speaks; ``standby``: beside the one that the instance has."""
    spec = subject.spec
    keys = (subject.disk.object_key,) if subject.disk else ()
    vm = CreateVm(
        agent_id=subject.new_agent_id,
        object_key=subject.new_agent_id,
        deployment=spec.deployment,
        vm=spec.vm,
        instance_id=spec.id if purpose == "instance" else "",
        group=spec.group,
        purpose=purpose,
        disk_keys=keys,
        tags=subject.tags,
        variable_set=subject.variable_set,
        metadata=subject.metadata,
        standby=standby,
    )
    steps.add(vm, f"create VM for {spec.name}")
    steps.add(
        WaitAgent(agent_id=subject.new_agent_id, spec=partial_spec(spec), keep=subject.keep_unreachable),
        "wait for the agent",
    )


def stop_jobs(
    steps: Steps, subject: Subject, *, vm_goes: bool, instance_goes: bool = False, deployment_goes: bool = False
) -> None:
    """pre-stop, drain, stop, post-stop."""
    spec = subject.spec
    env = {
        "BOSH_VM_NEXT_STATE": "delete" if vm_goes else "keep",
        "BOSH_INSTANCE_NEXT_STATE": "delete" if instance_goes else "keep",
        "BOSH_DEPLOYMENT_NEXT_STATE": "delete" if deployment_goes else "keep",
    }
    update = spec.state == "started" and not (vm_goes or instance_goes or subject.disk_changes)
    if not subject.skip_drain:
        steps.add(RunScript(instance_id=spec.id, script="pre-stop", env=env, tolerate=subject.tolerate), "run pre-stop")
        mode = (
            Drain(instance_id=spec.id, mode="update", spec=spec, tolerate=subject.tolerate)
            if update
            else Drain(instance_id=spec.id, mode="shutdown", tolerate=subject.tolerate)
        )
        steps.add(mode, "drain")
    steps.add(Stop(instance_id=spec.id, tolerate=subject.tolerate), "stop the jobs")
    steps.add(RunScript(instance_id=spec.id, script="post-stop", tolerate=subject.tolerate), "run post-stop")


def disk_steps(steps: Steps, subject: Subject, *, attached: bool) -> None:
    """Bring the persistent disk to what is wanted; ``attached``: the present disk is on the VM and mounted."""
    spec = subject.spec
    old = subject.disk
    if subject.new_disk_key:
        assert spec.disk is not None
        new = CreateDisk(
            object_key=subject.new_disk_key,
            deployment=spec.deployment,
            instance_id=spec.id,
            instance_name=spec.name,
            disk=spec.disk,
            cpi=spec.vm.cpi,
            az=spec.az,
            tags=subject.tags,
        )
        if old is not None and not attached:
            steps.add(AttachDisk(object_key=old.object_key, instance_id=spec.id), "attach the present disk")
            steps.add(MountDisk(object_key=old.object_key, instance_id=spec.id), "mount the present disk")
        steps.add(new, f"create a persistent disk of {spec.disk.size} MiB")
        steps.add(AttachDisk(object_key=subject.new_disk_key, instance_id=spec.id), "attach the disk")
        steps.add(
            MountDisk(object_key=subject.new_disk_key, instance_id=spec.id, migrate=old is not None), "mount the disk"
        )
        if old is not None:
            steps.add(DetachDisk(object_key=old.object_key, instance_id=spec.id), "detach the old disk")
            steps.add(OrphanDisk(object_key=old.object_key), "orphan the old disk")
    elif old is not None and spec.disk is None:
        if attached:
            steps.add(UnmountDisk(object_key=old.object_key, instance_id=spec.id), "unmount the disk")
            steps.add(DetachDisk(object_key=old.object_key, instance_id=spec.id), "detach the disk")
        steps.add(OrphanDisk(object_key=old.object_key), "orphan the disk")
    elif old is not None and not attached:
        steps.add(AttachDisk(object_key=old.object_key, instance_id=spec.id), "attach the disk")
        steps.add(MountDisk(object_key=old.object_key, instance_id=spec.id), "mount the disk")


def start_jobs(steps: Steps, subject: Subject) -> None:
    """apply, then (when started) pre-start, start, watch, post-start; the row says so at the end."""
    spec = subject.spec
    steps.add(Apply(spec=spec), "install packages and jobs")
    if spec.state == "started":
        steps.add(RunScript(instance_id=spec.id, script="pre-start"), "run pre-start")
        steps.add(Start(instance_id=spec.id), "start the jobs")
        low, high = subject.watch
        steps.add(Watch(instance_id=spec.id, low=low, high=high), "watch until running")
        steps.add(RunScript(instance_id=spec.id, script="post-start"), "run post-start")
    finish(steps, subject)


def finish(steps: Steps, subject: Subject) -> None:
    """The row says that the instance is what was wanted."""
    steps.add(FinishInstance(spec=subject.spec, variable_set=subject.variable_set), "record the instance")


def create(steps: Steps, subject: Subject) -> None:
    """The part of a new instance that needs no package: its row and a VM whose agent speaks."""
    steps.add(BeginInstance(spec=subject.spec, variable_set=subject.variable_set), "record what is wanted")
    if subject.spec.state != "detached":
        make_vm(steps, subject)


def tags(steps: Steps, subject: Subject) -> None:
    """The cloud is told the tags and the name."""
    action = UpdateTags(instance_id=subject.spec.id, tags=subject.tags, metadata=subject.metadata)
    steps.add(action, "set the tags")


def begin(steps: Steps, subject: Subject) -> None:
    """The row says that the instance is being changed."""
    steps.add(BeginInstance(spec=subject.spec, variable_set=subject.variable_set), "record what is wanted")


def prepare(steps: Steps, subject: Subject, *, agent_id: str = "") -> None:
    """Download while the old jobs run, on the instance's VM or on the one that stands by."""
    steps.add(Prepare(spec=subject.spec, agent_id=agent_id), "download packages and jobs")


def swap_vm(steps: Steps, subject: Subject) -> None:
    """Unmount and detach the disk; the VM that stands by takes over."""
    release_disk(steps, subject)
    steps.add(SwapVm(instance_id=subject.spec.id, agent_id=subject.new_agent_id), "take the new VM, orphan the old one")


def remove_vm(steps: Steps, subject: Subject, *, release: bool = False) -> None:
    """Unmount and detach the disk, delete the VM."""
    release_disk(steps, subject)
    steps.add(DeleteVm(agent_id=subject.agent_id, release=release), "delete the VM")


def release_disk(steps: Steps, subject: Subject) -> None:
    """Unmount and detach the disk, if it is attached."""
    if subject.disk is not None and subject.disk.attached_to:
        steps.add(
            UnmountDisk(object_key=subject.disk.object_key, instance_id=subject.spec.id, tolerate=True),
            "unmount the disk",
        )
        steps.add(
            DetachDisk(object_key=subject.disk.object_key, instance_id=subject.spec.id, tolerate=True),
            "detach the disk",
        )


def delete(steps: Steps, subject: Subject, *, deployment_goes: bool = False) -> None:
    """An instance that is to go: jobs stopped, VM deleted, disk orphaned, row forgotten."""
    if subject.agent_id:
        if subject.spec.jobs and subject.running:
            stop_jobs(steps, subject, vm_goes=True, instance_goes=True, deployment_goes=deployment_goes)
        remove_vm(steps, subject, release=True)
    if subject.disk is not None:
        steps.add(OrphanDisk(object_key=subject.disk.object_key), "orphan the disk")
    steps.add(DeleteInstance(instance_id=subject.spec.id), "forget the instance")


def forget(steps: Steps, row: InstanceRow, disk: DiskRow | None) -> None:
    """An instance whose first update never finished: whatever it has goes."""
    if row.agent_id:
        if disk is not None and disk.attached_to:
            steps.add(DetachDisk(object_key=disk.object_key, instance_id=row.id, tolerate=True), "detach the disk")
        steps.add(DeleteVm(agent_id=row.agent_id, release=True), "delete the VM")
    if disk is not None:
        steps.add(OrphanDisk(object_key=disk.object_key), "orphan the disk")
    steps.add(DeleteInstance(instance_id=row.id), "forget the instance")
