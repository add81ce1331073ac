"""Mistakes with disks, snapshots, networks and data."""

from __future__ import annotations

import time

from cpi.contract import (
    CloudError,
    DiskHint,
    DiskNotFound,
    VMNotFound,
    implements,
)
from tests.contract.cpi.mistakes import Creating, caught_by
from tests.contract.cpi.tiny_cloud import BOOT, TinyCloud


@caught_by("disk.has.gone")
class DisksForEver(TinyCloud):
    @implements
    def has_disk(self, disk_cid):
        return True


@caught_by("disk.delete")
class DeletesDisksOnPaper(TinyCloud):
    @implements
    def delete_disk(self, disk_cid):
        """It stays."""


@caught_by("disk.delete.gone")
class DeletesDisksOnce(TinyCloud):
    @implements
    def delete_disk(self, disk_cid):
        if disk_cid not in self.items["disk"]:
            raise CloudError("no such volume")
        super().delete_disk(disk_cid)


@caught_by("capacity.disk")
class LeaksDisk(TinyCloud):
    @implements
    def create_disk(self, call, size, vm_cid):
        if size > 10_000:
            self.items["disk"][f"leak-{time.time_ns()}"] = {"key": None, "size": size, "vm": None}
        return super().create_disk(call, size, vm_cid)


@caught_by("crowd.disks")
class MixesUpDisks(TinyCloud):
    last = ""

    @implements
    def create_disk(self, call, size, vm_cid):
        self.last = super().create_disk(call, size, vm_cid)
        time.sleep(BOOT)
        return self.last


@caught_by("disk.attach.unknown-disk")
class AttachesGhosts(TinyCloud):
    @implements
    def attach_disk(self, vm_cid, disk_cid):
        return super().attach_disk(vm_cid, disk_cid) if disk_cid in self.items["disk"] else DiskHint({"id": disk_cid})


@caught_by("disk.attach.unknown-disk")
class WrongNameForDisks(TinyCloud):
    @implements
    def attach_disk(self, vm_cid, disk_cid):
        try:
            return super().attach_disk(vm_cid, disk_cid)
        except DiskNotFound as error:
            raise CloudError("volume not found") from error


@caught_by("disk.attach.unknown-vm")
class WrongNameForVms(TinyCloud):
    @implements
    def attach_disk(self, vm_cid, disk_cid):
        try:
            return super().attach_disk(vm_cid, disk_cid)
        except VMNotFound as error:
            raise DiskNotFound("not found") from error


@caught_by("disk.attach.twice")
class AttachesOnce(TinyCloud):
    @implements
    def attach_disk(self, vm_cid, disk_cid):
        if self.items["disk"].get(disk_cid, {}).get("vm") == vm_cid:
            raise CloudError("volume is in use")
        return super().attach_disk(vm_cid, disk_cid)


@caught_by("disk.attach.several")
class OneHint(TinyCloud):
    @implements
    def attach_disk(self, vm_cid, disk_cid):
        super().attach_disk(vm_cid, disk_cid)
        return DiskHint("/dev/sdb")


@caught_by("disk.attach.elsewhere")
class StealsDisks(TinyCloud):
    @implements
    def attach_disk(self, vm_cid, disk_cid):
        self.get("vm", vm_cid)
        self.get("disk", disk_cid)["vm"] = vm_cid
        return DiskHint({"id": disk_cid})


@caught_by("disk.detach")
class LosesDisks(TinyCloud):
    @implements
    def detach_disk(self, vm_cid, disk_cid):
        super().detach_disk(vm_cid, disk_cid)
        self.items["disk"].pop(disk_cid)


@caught_by("disk.detach.not-attached")
class WrongNameForDetach(TinyCloud):
    @implements
    def detach_disk(self, vm_cid, disk_cid):
        if self.items["disk"].get(disk_cid, {}).get("vm") != vm_cid:
            raise CloudError("volume is available")
        super().detach_disk(vm_cid, disk_cid)


@caught_by("vm.delete.keeps-disks")
class TakesDisksAlong(TinyCloud):
    @implements
    def delete_vm(self, vm_cid):
        for cid in [cid for cid, disk in self.items["disk"].items() if disk["vm"] == vm_cid]:
            self.items["disk"].pop(cid)
        super().delete_vm(vm_cid)


@caught_by("vm.delete.keeps-disks")
class KeepsAttachments(TinyCloud):
    """The disk of a deleted VM stays attached to it."""

    @implements
    def delete_vm(self, vm_cid):
        self.items["vm"].pop(vm_cid, None)


@caught_by("disk.list")
class ListsAllDisks(TinyCloud):
    @implements
    def get_disks(self, vm_cid):
        self.get("vm", vm_cid)
        return list(self.items["disk"])


@caught_by("disk.resize.shrink")
class Shrinks(TinyCloud):
    @implements
    def resize_disk(self, disk_cid, size):
        self.get("disk", disk_cid)["size"] = size


@caught_by("disk.resize.gone")
class GrowsGhosts(TinyCloud):
    @implements
    def resize_disk(self, disk_cid, size):
        if disk_cid in self.items["disk"]:
            super().resize_disk(disk_cid, size)


@caught_by("snapshot.unknown-disk")
class SnapshotsNothing(TinyCloud):
    @implements
    def snapshot_disk(self, call, disk_cid):
        return self.add("snapshot", call, disk=disk_cid)


@caught_by("snapshot.delete")
class SnapshotTakesDisk(TinyCloud):
    @implements
    def delete_snapshot(self, snapshot_cid):
        gone = self.items["snapshot"].pop(snapshot_cid, None)
        if gone:
            self.items["disk"].pop(gone["disk"], None)


@caught_by("snapshot.delete.gone")
class DeletesSnapshotsOnce(TinyCloud):
    @implements
    def delete_snapshot(self, snapshot_cid):
        if self.items["snapshot"].pop(snapshot_cid, None) is None:
            raise CloudError("no such snapshot")


@caught_by("network.create")
class KeepsNetworks(TinyCloud):
    @implements
    def delete_network(self, network_cid):
        raise CloudError("network is in use")


@caught_by("data.detach")
class WipesAtDetach(TinyCloud):
    @implements
    def detach_disk(self, vm_cid, disk_cid):
        super().detach_disk(vm_cid, disk_cid)
        self.content.pop(disk_cid, None)


@caught_by("data.resize")
class WipesAtResize(TinyCloud):
    @implements
    def resize_disk(self, disk_cid, size):
        super().resize_disk(disk_cid, size)
        self.content.pop(disk_cid, None)


@caught_by("data.delete-vm")
class WipesWithVm(TinyCloud):
    @implements
    def delete_vm(self, vm_cid):
        for cid, disk in self.items["disk"].items():
            if disk["vm"] == vm_cid:
                self.content.pop(cid, None)
        super().delete_vm(vm_cid)


@caught_by("leak.nothing-left")
class LeavesPorts(Creating):
    """A port for the first VM, which no delete call removes."""

    def create(self, well, *given):
        if not self.items["network"]:
            self.items["network"]["port-1"] = {"key": None}
        return well()
