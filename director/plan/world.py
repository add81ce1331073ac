"""What is, and what is wanted: the two sides that a plan lies between."""

from __future__ import annotations

from msgspec import Struct, field

from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, Document
from director.model.instance import InstanceSpec
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.plan.packages import Build


class World(Struct, frozen=True):
    """What is, as the store knows it: rows of this deployment."""

    instances: tuple[InstanceRow, ...] = ()
    vms: tuple[VmRow, ...] = ()
    disks: tuple[DiskRow, ...] = ()

    def disk_of(self, instance_id: str) -> DiskRow | None:
        """The active managed disk of an instance (or the one being made active)."""
        mine = [one for one in self.disks if one.instance_id == instance_id and one.orphaned_at is None and one.cid]
        return next((one for one in mine if one.active), mine[0] if mine else None)

    def idle_vms(self) -> list[VmRow]:
        """VMs that no instance uses: left by unfinished tasks."""
        used = {one.agent_id for one in self.instances if one.agent_id}
        return [one for one in self.vms if one.agent_id not in used and one.orphaned_at is None]

    def idle_disks(self) -> list[DiskRow]:
        """Disks that were never made, or that stand beside the active one of their instance."""
        kept = {one.object_key for row in self.instances if (one := self.disk_of(row.id))}
        return [one for one in self.disks if one.object_key not in kept and one.orphaned_at is None]

    def vm_of(self, row: InstanceRow) -> VmRow | None:
        return (
            next((one for one in self.vms if one.agent_id == row.agent_id and one.cid), None) if row.agent_id else None
        )


class Wanted(Struct, frozen=True):
    """What is wanted: specs of all instances (service and kept errand ones) in manifest order, packages to build, the row to save."""

    deployment: Deployment
    cloud: CloudConfig
    specs: tuple[InstanceSpec, ...]
    obsolete: tuple[InstanceRow, ...] = ()
    builds: tuple[Build, ...] = ()
    build_env: Document = field(default_factory=dict)
    row: Document = field(default_factory=dict)
    variable_set: int = 0
    first: bool = False
    director: str = ""
