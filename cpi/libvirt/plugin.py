"""The libvirt plugin: each call of the contract, handed to the driver of the kind of VMs that is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cpi.contract import (
    Call,
    DiskHint,
    Info,
    Json,
    Kind,
    Network,
    NotSupported,
    VmCreated,
    VmStatus,
    implements,
)
from cpi.libvirt.config import CONTAINERS, KVM, MACHINES, Config
from cpi.libvirt.containers import Containers
from cpi.libvirt.driver import Driver
from cpi.libvirt.machines import Machines

DRIVERS: dict[str, Driver] = {CONTAINERS: Containers(), MACHINES: Machines(), KVM: Machines()}


@implements
def info(call: Call) -> Info:
    """Formats of the kind of VMs chosen."""
    return Info(_on(call)[0].formats)


@implements
def create_stemcell(call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
    """A root tree for containers, a disk for machines."""
    driver, config = _on(call)
    return driver.create_stemcell(config, call, image_path, cloud_properties, env)


@implements
def delete_stemcell(call: Call, stemcell_cid: str) -> None:
    """Unless a VM stands on it."""
    driver, config = _on(call)
    driver.delete_stemcell(config, call, stemcell_cid)


@implements
def create_vm(
    call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json, networks: Mapping[str, Network], env: Json
) -> VmCreated:
    """Disks lie on the same host whatever the hints say."""
    driver, config = _on(call)
    return driver.create_vm(config, call, agent_id, stemcell_cid, cloud_properties, networks, env)


@implements
def delete_vm(call: Call, vm_cid: str) -> None:
    """Its disks are kept."""
    driver, config = _on(call)
    driver.delete_vm(config, call, vm_cid)


@implements
def has_vm(call: Call, vm_cid: str) -> bool:
    """Running or not."""
    driver, config = _on(call)
    return driver.has_vm(config, vm_cid)


@implements
def reboot_vm(call: Call, vm_cid: str) -> None:
    """In order, else by force."""
    driver, config = _on(call)
    driver.reboot_vm(config, call, vm_cid)


@implements
def configure_networks(vm_cid: str) -> None:
    """A VM keeps its networks for life."""
    raise NotSupported(f"the networks of VM '{vm_cid}' cannot be changed; recreate it")


@implements
def set_vm_metadata(call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
    """In the domain's XML."""
    driver, config = _on(call)
    driver.set_vm_metadata(config, call, vm_cid, metadata)


@implements
def create_disk(call: Call, size: int, cloud_properties: Json) -> str:
    """Of `size` MiB."""
    driver, config = _on(call)
    return driver.create_disk(config, call, size, cloud_properties)


@implements
def delete_disk(call: Call, disk_cid: str) -> None:
    """Unless it is attached."""
    driver, config = _on(call)
    driver.delete_disk(config, call, disk_cid)


@implements
def has_disk(call: Call, disk_cid: str) -> bool:
    """Attached or not."""
    driver, config = _on(call)
    return driver.has_disk(config, disk_cid)


@implements
def attach_disk(call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """Live if the VM runs."""
    driver, config = _on(call)
    return driver.attach_disk(config, call, vm_cid, disk_cid)


@implements
def detach_disk(call: Call, vm_cid: str, disk_cid: str) -> None:
    """Live if the VM runs."""
    driver, config = _on(call)
    driver.detach_disk(config, call, vm_cid, disk_cid)


@implements
def resize_disk(call: Call, disk_cid: str, size: int) -> None:
    """Attached or not; a running VM sees it at once."""
    driver, config = _on(call)
    driver.resize_disk(config, call, disk_cid, size)


@implements
def update_disk(call: Call, disk_cid: str, size: int, cloud_properties: Json) -> None:
    """In place: no new CID."""
    driver, config = _on(call)
    driver.update_disk(config, call, disk_cid, size, cloud_properties)


@implements
def set_disk_metadata(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> None:
    """Where the driver has a place for tags of a disk."""
    driver, config = _on(call)
    driver.set_disk_metadata(config, call, disk_cid, metadata)


@implements
def get_disks(call: Call, vm_cid: str) -> Sequence[str]:
    """CIDs of the disks on a VM that exists."""
    driver, config = _on(call)
    return driver.get_disks(config, call, vm_cid)


@implements
def snapshot_disk(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> str:
    """A whole copy, of one moment."""
    driver, config = _on(call)
    return driver.snapshot_disk(config, call, disk_cid, metadata)


@implements
def delete_snapshot(call: Call, snapshot_cid: str) -> None:
    """Quietly when it is gone."""
    driver, config = _on(call)
    driver.delete_snapshot(config, call, snapshot_cid)


@implements
def calculate_vm_cloud_properties(requirements: Json) -> Json:
    """The director's words for sizes in this CPI's words."""
    words = {"cpu": "cpus", "ram": "memory", "ephemeral_disk_size": "ephemeral_disk"}
    return {words[key]: value for key, value in requirements.items() if key in words}


@implements
def find(call: Call, kind: Kind, key: str) -> str | None:
    """What was created under a key."""
    driver, config = _on(call)
    return driver.find(config, call, kind, key)


@implements
def find_all(call: Call, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
    """CIDs follow from keys: one look after the other costs no more than the look."""
    driver, config = _on(call)
    found = {key: driver.find(config, call, kind, key) for key in keys}
    return {key: cid for key, cid in found.items() if cid is not None}


@implements
def vm_status(call: Call, vm_cids: Sequence[str], console: int) -> Mapping[str, VmStatus]:
    """One question to libvirt for all of them."""
    driver, config = _on(call)
    return driver.vm_status(config, vm_cids, console)


def _on(call: Call) -> tuple[Driver, Config]:
    config = Config.parse(call.properties)
    return DRIVERS[config.virt_type], config
