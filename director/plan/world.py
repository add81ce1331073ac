"""What is, and what is wanted: the two sides that a plan lies between."""

from __future__ import annotations

from collections.abc import Container
from functools import cached_property

from msgspec import Struct, field

from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, Document
from director.model.instance import InstanceSpec
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.plan.packages import Build


class World(Struct, frozen=True, dict=True):
    """What is, as the store knows it: rows of this deployment."""

    instances: tuple[InstanceRow, ...] = ()
    vms: tuple[VmRow, ...] = ()
    disks: tuple[DiskRow, ...] = ()

    @cached_property
    def _disks(self) -> dict[str, DiskRow]:
        found: dict[str, DiskRow] = {}
        for one in self.disks:
            if one.instance_id and one.orphaned_at is None and one.cid:
                known = found.get(one.instance_id)
                if known is None or (one.active and not known.active):
                    found[one.instance_id] = one
        return found

    @cached_property
    def _vms(self) -> dict[str, VmRow]:
        return {one.agent_id: one for one in self.vms if one.cid}

    @property
    def with_disk(self) -> Container[str]:
        """Ids of instances that hold a disk."""
        return self._disks.keys()

    def disk_of(self, instance_id: str) -> DiskRow | None:
        """The active managed disk of an instance (or the one being made active)."""
        return self._disks.get(instance_id)

    def idle_vms(self) -> list[VmRow]:
        """VMs that no instance uses: left by unfinished tasks."""
        used = {one.agent_id for one in self.instances if one.agent_id}
        return [one for one in self.vms if one.agent_id not in used and one.orphaned_at is None]

    def idle_disks(self) -> list[DiskRow]:
        """Disks that were never made, or that stand beside the active one of their instance."""
        kept = {one.object_key for row in self.instances if (one := self.disk_of(row.id))}
        return [one for one in self.disks if one.object_key not in kept and one.orphaned_at is None]

    def vm_of(self, row: InstanceRow) -> VmRow | None:
        """The instance's VM, if the cloud has it."""
        return self._vms.get(row.agent_id)


class Wanted(Struct, frozen=True):
    """What is wanted: specs of all instances (service and errand ones) in manifest order, packages to build, the row to save.

    ``build_resources``: cloud properties that the CPI calculated for compilation.vm_resources. ``rotated``: by variable set, the absolute
    names of variables that have another version now. ``avoid``: addresses that are nobody's to take. ``keep_unreachable``: VMs whose agents never speak
    are kept to be looked at.
    """

    deployment: Deployment
    cloud: CloudConfig
    specs: tuple[InstanceSpec, ...]
    obsolete: tuple[InstanceRow, ...] = ()
    builds: tuple[Build, ...] = ()
    build_resources: Document = field(default_factory=dict)
    row: Document = field(default_factory=dict)
    variable_set: int = 0
    rotated: dict[int, frozenset[str]] = field(default_factory=dict)
    first: bool = False
    director: str = ""
    avoid: tuple[str, ...] = ()
    keep_unreachable: bool = False
