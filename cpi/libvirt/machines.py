"""The driver of machines: everything of theirs lies in libvirt, on this host or another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from cpi.contract import Call, DiskHint, Json, Kind, Network, VmCreated, VmStatus
from cpi.libvirt.config import Config
from cpi.libvirt.machine import disks, images, snapshots, status, vms


class Machines:
    """See `driver.Driver`."""

    formats: ClassVar[tuple[str, ...]] = ("libvirt-qcow2", "openstack-qcow2", "openstack-raw")

    def create_stemcell(self, config: Config, call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
        return images.create(config, call, image_path, cloud_properties, env)

    def delete_stemcell(self, config: Config, call: Call, cid: str) -> None:
        images.delete(config, call, cid)

    def create_vm(
        self, config: Config, call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json,
        networks: Mapping[str, Network], env: Json,
    ) -> VmCreated:  # fmt: skip
        return vms.create(config, call, agent_id, stemcell_cid, cloud_properties, networks, env)

    def delete_vm(self, config: Config, call: Call, cid: str) -> None:
        vms.delete(config, call, cid)

    def has_vm(self, config: Config, cid: str) -> bool:
        return vms.exists(config, cid)

    def reboot_vm(self, config: Config, call: Call, cid: str) -> None:
        vms.reboot(config, call, cid)

    def set_vm_metadata(self, config: Config, call: Call, cid: str, tags: Mapping[str, str]) -> None:
        vms.set_metadata(config, call, cid, tags)

    def create_disk(self, config: Config, call: Call, size: int, cloud_properties: Json) -> str:
        return disks.create(config, call, size, cloud_properties)

    def delete_disk(self, config: Config, call: Call, cid: str) -> None:
        disks.delete(config, call, cid)

    def has_disk(self, config: Config, cid: str) -> bool:
        return disks.exists(config, cid)

    def attach_disk(self, config: Config, call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
        return disks.attach(config, call, vm_cid, disk_cid)

    def detach_disk(self, config: Config, call: Call, vm_cid: str, disk_cid: str) -> None:
        disks.detach(config, call, vm_cid, disk_cid)

    def resize_disk(self, config: Config, call: Call, cid: str, size: int) -> None:
        disks.resize(config, call, cid, size)

    def update_disk(self, config: Config, call: Call, cid: str, size: int, cloud_properties: Json) -> None:
        disks.update(config, call, cid, size, cloud_properties)

    def set_disk_metadata(self, config: Config, call: Call, cid: str, tags: Mapping[str, str]) -> None:
        disks.set_metadata(config, call, cid, tags)

    def get_disks(self, config: Config, call: Call, vm_cid: str) -> Sequence[str]:
        return disks.attached_to(config, call, vm_cid)

    def snapshot_disk(self, config: Config, call: Call, disk_cid: str, tags: Mapping[str, str]) -> str:
        return snapshots.create(config, call, disk_cid, tags)

    def delete_snapshot(self, config: Config, call: Call, cid: str) -> None:
        snapshots.delete(config, call, cid)

    def find(self, config: Config, call: Call, kind: Kind, key: str) -> str | None:
        match kind:
            case "vm":
                return vms.find(config, call, key)
            case "disk":
                return disks.find(config, call, key)
            case "stemcell":
                return images.find(config, call, key)
            case "snapshot":
                return snapshots.find(config, call, key)

    def vm_status(self, config: Config, cids: Sequence[str], console: int) -> Mapping[str, VmStatus]:
        return status.of(config, cids, console)
