"""The OpenStack plugin: each call of the contract, handed to its room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cpi.contract import (
    Call,
    DiskHint,
    Info,
    Json,
    Kind,
    Network,
    NetworkCreated,
    NotSupported,
    VmCreated,
    VmStatus,
    implements,
)
from cpi.openstack import adoption, disks, flavors, images, managed_networks, snapshots, status, vms
from cpi.openstack.cloud import Cloud
from cpi.openstack.config import Config

FORMATS = ("openstack-raw", "openstack-qcow2", "openstack-light")


@implements
def info() -> Info:
    """Heavy stemcells of both kinds, and light ones."""
    return Info(FORMATS)


@implements
def create_stemcell(call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
    """See images.create."""
    return images.create(_cloud(call), image_path, cloud_properties, env)


@implements
def delete_stemcell(call: Call, stemcell_cid: str) -> None:
    """See images.delete."""
    images.delete(_cloud(call), stemcell_cid)


@implements
def create_vm(
    call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json, networks: Mapping[str, Network], env: Json
) -> VmCreated:
    """See vms.create. Disks are made in their VM's zone, so their hints are not needed."""
    return vms.create(_cloud(call), agent_id, stemcell_cid, cloud_properties, networks, env)


@implements
def delete_vm(call: Call, vm_cid: str) -> None:
    """See vms.delete."""
    vms.delete(_cloud(call), vm_cid)


@implements
def has_vm(call: Call, vm_cid: str) -> bool:
    """See vms.exists."""
    return vms.exists(_cloud(call), vm_cid)


@implements
def reboot_vm(call: Call, vm_cid: str) -> None:
    """See vms.reboot."""
    vms.reboot(_cloud(call), vm_cid)


@implements
def configure_networks(vm_cid: str) -> None:
    """A VM keeps its networks for life."""
    raise NotSupported(f"the networks of VM '{vm_cid}' cannot be changed; recreate it")


@implements
def set_vm_metadata(call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
    """See vms.set_metadata."""
    vms.set_metadata(_cloud(call), vm_cid, metadata)


@implements
def create_disk(call: Call, size: int, cloud_properties: Json, vm_cid: str | None) -> str:
    """See disks.create."""
    return disks.create(_cloud(call), size, cloud_properties, vm_cid)


@implements
def delete_disk(call: Call, disk_cid: str) -> None:
    """See disks.delete."""
    disks.delete(_cloud(call), disk_cid)


@implements
def has_disk(call: Call, disk_cid: str) -> bool:
    """See disks.exists."""
    return disks.exists(_cloud(call), disk_cid)


@implements
def attach_disk(call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """See disks.attach."""
    return disks.attach(_cloud(call), vm_cid, disk_cid)


@implements
def detach_disk(call: Call, vm_cid: str, disk_cid: str) -> None:
    """See disks.detach."""
    disks.detach(_cloud(call), vm_cid, disk_cid)


@implements
def resize_disk(call: Call, disk_cid: str, size: int) -> None:
    """See disks.resize."""
    disks.resize(_cloud(call), disk_cid, size)


@implements
def update_disk(call: Call, disk_cid: str, size: int, cloud_properties: Json) -> None:
    """See disks.update."""
    disks.update(_cloud(call), disk_cid, size, cloud_properties)


@implements
def set_disk_metadata(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> None:
    """See disks.set_metadata."""
    disks.set_metadata(_cloud(call), disk_cid, metadata)


@implements
def get_disks(call: Call, vm_cid: str) -> Sequence[str]:
    """See disks.attached_to."""
    return disks.attached_to(_cloud(call), vm_cid)


@implements
def snapshot_disk(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> str:
    """See snapshots.create."""
    return snapshots.create(_cloud(call), disk_cid, metadata)


@implements
def delete_snapshot(call: Call, snapshot_cid: str) -> None:
    """See snapshots.delete."""
    snapshots.delete(_cloud(call), snapshot_cid)


@implements
def create_network(call: Call, definition: Json) -> NetworkCreated:
    """See managed_networks.create."""
    return managed_networks.create(_cloud(call), definition)


@implements
def delete_network(call: Call, network_cid: str) -> None:
    """See managed_networks.delete."""
    managed_networks.delete(_cloud(call), network_cid)


@implements
def calculate_vm_cloud_properties(call: Call, requirements: Json) -> Json:
    """See flavors.fitting."""
    return flavors.fitting(_cloud(call), requirements)


@implements
def find(call: Call, kind: Kind, key: str) -> str | None:
    """What was created under a key."""
    return adoption.find(_cloud(call), kind, key)


@implements
def find_all(call: Call, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
    """See adoption.find_all."""
    return adoption.find_all(_cloud(call), kind, keys)


@implements
def vm_status(call: Call, vm_cids: Sequence[str], console: int) -> Mapping[str, VmStatus]:
    """See status.of."""
    return status.of(_cloud(call), vm_cids, console)


def _cloud(call: Call) -> Cloud:
    return Cloud(Config.parse(call.properties), call)
