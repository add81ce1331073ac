"""The libvirt plugin: each call of the contract, handed to its room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cpi.contract import (
    Call,
    CloudError,
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
from cpi.libvirt import attachments, disks, images, snapshots, status, vms
from cpi.libvirt.config import Config
from cpi.libvirt.container import Container
from cpi.libvirt.guest import Guest

GUESTS: dict[str, Guest] = {"lxc": Container()}
FORMATS = {"lxc": "libvirt-rootfs"}


@implements
def info(call: Call) -> Info:
    """Formats of the virtualization chosen."""
    chosen = str(call.properties.get("virt_type", "lxc"))
    return Info((FORMATS[chosen],) if chosen in FORMATS else tuple(FORMATS.values()))


@implements
def create_stemcell(call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
    """See images.create."""
    return images.create(_config(call), call, image_path, cloud_properties, env)


@implements
def delete_stemcell(call: Call, stemcell_cid: str) -> None:
    """See images.delete."""
    images.delete(_config(call), call, stemcell_cid)


@implements
def create_vm(
    call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json, networks: Mapping[str, Network], env: Json
) -> VmCreated:
    """See vms.create. Disks lie on the same host whatever the hints say."""
    config = _config(call)
    return vms.create(config, _guest(config), call, agent_id, stemcell_cid, cloud_properties, networks, env)


@implements
def delete_vm(call: Call, vm_cid: str) -> None:
    """See vms.delete."""
    config = _config(call)
    vms.delete(config, _guest(config), call, vm_cid)


@implements
def has_vm(call: Call, vm_cid: str) -> bool:
    """See vms.exists."""
    return vms.exists(_config(call), vm_cid)


@implements
def reboot_vm(call: Call, vm_cid: str) -> None:
    """See vms.reboot."""
    config = _config(call)
    vms.reboot(config, _guest(config), call, vm_cid)


@implements
def configure_networks(vm_cid: str) -> None:
    """A VM keeps its networks for life."""
    raise NotSupported(f"the networks of VM '{vm_cid}' cannot be changed; recreate it")


@implements
def set_vm_metadata(call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
    """See vms.set_metadata."""
    vms.set_metadata(_config(call), call, vm_cid, metadata)


@implements
def create_disk(call: Call, size: int, cloud_properties: Json) -> str:
    """See disks.create."""
    return disks.create(_config(call), call, size, cloud_properties)


@implements
def delete_disk(call: Call, disk_cid: str) -> None:
    """See disks.delete."""
    config = _config(call)
    disks.delete(config, _guest(config), call, disk_cid)


@implements
def has_disk(call: Call, disk_cid: str) -> bool:
    """See disks.exists."""
    return disks.exists(_config(call), disk_cid)


@implements
def attach_disk(call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """See disks.attach."""
    config = _config(call)
    return disks.attach(config, _guest(config), call, vm_cid, disk_cid)


@implements
def detach_disk(call: Call, vm_cid: str, disk_cid: str) -> None:
    """See disks.detach."""
    config = _config(call)
    disks.detach(config, _guest(config), call, vm_cid, disk_cid)


@implements
def resize_disk(call: Call, disk_cid: str, size: int) -> None:
    """See disks.resize."""
    config = _config(call)
    disks.resize(config, _guest(config), call, disk_cid, size)


@implements
def update_disk(call: Call, disk_cid: str, size: int, cloud_properties: Json) -> None:
    """See disks.update."""
    config = _config(call)
    disks.update(config, _guest(config), call, disk_cid, size, cloud_properties)


@implements
def set_disk_metadata(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> None:
    """See disks.set_metadata."""
    disks.set_metadata(_config(call), call, disk_cid, metadata)


@implements
def get_disks(call: Call, vm_cid: str) -> Sequence[str]:
    """CIDs of the disks on a VM that exists."""
    config = _config(call)
    with attachments.Held(config, call, vm_cid):
        return attachments.attached_to(config, vm_cid)


@implements
def snapshot_disk(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> str:
    """See snapshots.create."""
    config = _config(call)
    return snapshots.create(config, _guest(config), call, disk_cid, metadata)


@implements
def delete_snapshot(call: Call, snapshot_cid: str) -> None:
    """See snapshots.delete."""
    snapshots.delete(_config(call), call, snapshot_cid)


@implements
def calculate_vm_cloud_properties(requirements: Json) -> Json:
    """The director's words for sizes in this CPI's words."""
    words = {"cpu": "cpus", "ram": "memory", "ephemeral_disk_size": "ephemeral_disk"}
    return {words[key]: value for key, value in requirements.items() if key in words}


@implements
def find(call: Call, kind: Kind, key: str) -> str | None:
    """What was created under a key."""
    config = _config(call)
    match kind:
        case "vm":
            return vms.find(config, _guest(config), call, key)
        case "disk":
            return disks.find(config, call, key)
        case "stemcell":
            return images.find(config, key)
        case "snapshot":
            return snapshots.find(config, call, key)


@implements
def find_all(call: Call, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
    """All is on this host: one look after the other costs no more than the look."""
    found = {key: find(call, kind, key) for key in keys}
    return {key: cid for key, cid in found.items() if cid is not None}


@implements
def vm_status(call: Call, vm_cids: Sequence[str], console: int) -> Mapping[str, VmStatus]:
    """See status.of."""
    config = _config(call)
    return status.of(config, _guest(config), vm_cids, console)


def _config(call: Call) -> Config:
    return Config.parse(call.properties)


def _guest(config: Config) -> Guest:
    guest = GUESTS.get(config.virt_type)
    if guest is None:
        raise CloudError(f"virt_type {config.virt_type!r} has no guests here; known are {', '.join(GUESTS)}")
    return guest
