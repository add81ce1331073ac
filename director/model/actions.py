"""The arguments of every kind of step: written by the planner, read by `director.steps` (one file per kind there).

Late-bound values (CIDs, device hints, compiled blobs) are not here: a step looks them up in the store by the keys it was given.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import Struct, field

from director.model.deployment import Document
from director.model.instance import DiskSpec, InstanceSpec, VmSpec
from director.model.plan import Cause, Step


class Action(Struct, frozen=True, kw_only=True):
    """Base of all step arguments; ``KIND`` is the step's kind."""

    KIND: ClassVar[str] = ""

    def step(self, id: str, title: str, *causes: Cause) -> Step:
        """This action as a step of a plan."""
        return Step(id=id, kind=self.KIND, title=title, args=msgspec.to_builtins(self), causes=causes)


class CreateVm(Action, frozen=True, kw_only=True):
    """Reserve addresses, write the VM's row, create the VM. ``disk_keys`` are placement hints; ``standby``: the instance keeps the VM it has
    until `SwapVm`, and the new one's addresses are its own until then."""

    KIND = "create_vm"
    agent_id: str
    object_key: str
    deployment: str
    vm: VmSpec
    instance_id: str = ""
    group: str = ""
    purpose: str = "instance"
    disk_keys: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    variable_set: int = 0
    metadata: dict[str, str] = field(default_factory=dict)  # for set_vm_metadata, without created_at
    standby: bool = False


class WaitAgent(Action, frozen=True, kw_only=True):
    """Wait until the VM's agent answers ping; rotate its bootstrap identity; tell it its networks (partial apply); learn dynamic addresses.

    ``spec`` is the partial apply spec (deployment, job, index, id, networks), None for none. ``keep``: a VM whose agent never speaks is not
    deleted.
    """

    KIND = "wait_agent"
    agent_id: str
    spec: Document | None = None
    keep: bool = False


class DeleteVm(Action, frozen=True, kw_only=True):
    """Delete the VM of an agent id and forget its row; ``release`` frees its owner's addresses; quiet when it is gone."""

    KIND = "delete_vm"
    agent_id: str
    release: bool = False


class SwapVm(Action, frozen=True, kw_only=True):
    """The standby VM of ``agent_id`` becomes the instance's; the one it had becomes an orphaned VM, with its addresses."""

    KIND = "swap_vm"
    instance_id: str
    agent_id: str


class CreateDisk(Action, frozen=True, kw_only=True):
    """Write the disk's row, create the disk near the instance's VM."""

    KIND = "create_disk"
    object_key: str
    deployment: str
    instance_id: str
    instance_name: str
    disk: DiskSpec
    cpi: str = ""
    az: str = ""
    tags: dict[str, str] = field(default_factory=dict)


class AttachDisk(Action, frozen=True, kw_only=True):
    """Attach to the instance's VM, hand the hint to the agent (add_persistent_disk), set its metadata."""

    KIND = "attach_disk"
    object_key: str
    instance_id: str


class MountDisk(Action, frozen=True, kw_only=True):
    """Mount at /var/vcap/store; ``migrate`` copies the old active disk's data over first (both are attached)."""

    KIND = "mount_disk"
    object_key: str
    instance_id: str
    migrate: bool = False


class UnmountDisk(Action, frozen=True, kw_only=True):
    """Unmount, if the agent has it mounted. ``tolerate`` an agent that does not answer (its VM is about to go)."""

    KIND = "unmount_disk"
    object_key: str
    instance_id: str
    tolerate: bool = False


class DetachDisk(Action, frozen=True, kw_only=True):
    """remove_persistent_disk at the agent, detach in the cloud."""

    KIND = "detach_disk"
    object_key: str
    instance_id: str
    tolerate: bool = False


class OrphanDisk(Action, frozen=True, kw_only=True):
    """Give the disk to nobody; it stays in the cloud."""

    KIND = "orphan_disk"
    object_key: str


class DeleteDisk(Action, frozen=True, kw_only=True):
    """Delete the disk in the cloud and its row."""

    KIND = "delete_disk"
    object_key: str


class ResizeDisk(Action, frozen=True, kw_only=True):
    """Native resize of a detached disk to ``size`` MiB."""

    KIND = "resize_disk"
    object_key: str
    size: int


class CompilePackage(Action, frozen=True, kw_only=True):
    """Compile on the VM of ``agent_id``; ``dependencies`` are (name, fingerprint, dependency_key), all of them, transitive."""

    KIND = "compile_package"
    agent_id: str
    release: str
    name: str
    version: str
    fingerprint: str
    digest: str
    blob_id: str
    stemcell: str
    dependency_key: str
    dependencies: tuple[tuple[str, str, str], ...] = ()


class BeginInstance(Action, frozen=True, kw_only=True):
    """Write or mark the instance's row: it exists, it is being changed (dirty), what is wanted of it."""

    KIND = "begin_instance"
    spec: InstanceSpec
    variable_set: int = 0


class Prepare(Action, frozen=True, kw_only=True):
    """The agent downloads what the new spec needs while the old jobs run; ``agent_id``: another than the instance's (a standby VM's)."""

    KIND = "prepare"
    spec: InstanceSpec
    agent_id: str = ""


class RunScript(Action, frozen=True, kw_only=True):
    """run_script pre-start, post-start, pre-stop, post-stop or post-deploy, with ``env``."""

    KIND = "run_script"
    instance_id: str
    script: str
    env: dict[str, str] = field(default_factory=dict)
    tolerate: bool = False


class Drain(Action, frozen=True, kw_only=True):
    """Drain: ``mode`` update or shutdown; ``spec`` the new one for update."""

    KIND = "drain"
    instance_id: str
    mode: str
    spec: InstanceSpec | None = None
    tolerate: bool = False


class Stop(Action, frozen=True, kw_only=True):
    """Stop the jobs."""

    KIND = "stop"
    instance_id: str
    tolerate: bool = False


class Apply(Action, frozen=True, kw_only=True):
    """Install packages and jobs of the spec."""

    KIND = "apply"
    spec: InstanceSpec


class Start(Action, frozen=True, kw_only=True):
    """Start the jobs (after pre-start)."""

    KIND = "start"
    instance_id: str


class Watch(Action, frozen=True, kw_only=True):
    """Wait until the agent reports ``running``: first look after ``low`` ms (None: one look at ``high``), last at ``high``."""

    KIND = "watch"
    instance_id: str
    low: int | None
    high: int


class FinishInstance(Action, frozen=True, kw_only=True):
    """The instance is what its spec says: applied = spec, no longer dirty."""

    KIND = "finish_instance"
    spec: InstanceSpec
    variable_set: int = 0


class UpdateTags(Action, frozen=True, kw_only=True):
    """set_vm_metadata (and set_disk_metadata) alone."""

    KIND = "update_tags"
    instance_id: str
    tags: dict[str, str]
    metadata: dict[str, str] = field(default_factory=dict)


class DeleteInstance(Action, frozen=True, kw_only=True):
    """Forget the instance: its row and addresses."""

    KIND = "delete_instance"
    instance_id: str


class SaveDeployment(Action, frozen=True, kw_only=True):
    """Write the deployment's row as deployed: ``row`` holds the fields of `DeploymentRow`."""

    KIND = "save_deployment"
    row: Document


class DeleteDeployment(Action, frozen=True, kw_only=True):
    """Forget the deployment: its row, variable sets and variables."""

    KIND = "delete_deployment"
    name: str


class CreateStemcell(Action, frozen=True, kw_only=True):
    """Write the stemcell's row, give the image (a file kept until the step ends) to the CPI."""

    KIND = "create_stemcell"
    object_key: str
    image_path: str
    cloud_properties: Document
    row: Document
    tags: dict[str, str] = field(default_factory=dict)


class DeleteStemcell(Action, frozen=True, kw_only=True):
    """Delete in the cloud, then the row."""

    KIND = "delete_stemcell"
    row_key: str


class RebootVm(Action, frozen=True, kw_only=True):
    """reboot_vm; NotSupported is told to the user."""

    KIND = "reboot_vm"
    instance_id: str


class RunErrand(Action, frozen=True, kw_only=True):
    """run_errand of a job; the result row goes to the task's result output."""

    KIND = "run_errand"
    instance_id: str
    group: str
    errand: str
    job: str = ""


ACTIONS: dict[str, type[Action]] = {
    one.KIND: one
    for one in (
        CreateVm,
        WaitAgent,
        DeleteVm,
        SwapVm,
        CreateDisk,
        AttachDisk,
        MountDisk,
        UnmountDisk,
        DetachDisk,
        OrphanDisk,
        DeleteDisk,
        ResizeDisk,
        CompilePackage,
        BeginInstance,
        Prepare,
        RunScript,
        Drain,
        Stop,
        Apply,
        Start,
        Watch,
        FinishInstance,
        UpdateTags,
        DeleteInstance,
        SaveDeployment,
        DeleteDeployment,
        CreateStemcell,
        DeleteStemcell,
        RebootVm,
        RunErrand,
    )
}


def read(step: Step) -> Any:
    """The typed arguments of a stored step."""
    return msgspec.convert(step.args, ACTIONS[step.kind], strict=False)
