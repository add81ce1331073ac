"""The simulated cloud as an ordinary plugin: `meristem.cpi.type: sim`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cpi.contract import Call, DiskHint, Info, Json, Kind, Network, NetworkCreated, VmCreated, VmStatus, implements
from cpi.sim import launch, nudge
from cpi.sim.cloud import Cloud
from cpi.sim.config import Config
from cpi.sim.inventory import Inventory

_inventories: dict[Path, Inventory] = {}


@implements
def info(call: Call) -> Info:
    """`sim`, or the property `stemcell_formats`: any image will do, so real stemcells can be rehearsed with."""
    return Info(Config.parse(call.properties).stemcell_formats)


@implements
def create_stemcell(call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
    """See Cloud.create_stemcell."""
    return _cloud(call).create_stemcell(call, image_path, cloud_properties, env)


@implements
def delete_stemcell(call: Call, stemcell_cid: str) -> None:
    """See Cloud.delete_stemcell."""
    _cloud(call).delete_stemcell(call, stemcell_cid)


@implements
def create_vm(
    call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json, networks: Mapping[str, Network], env: Json
) -> VmCreated:
    """See Cloud.create_vm."""
    cloud = _cloud(call, grows=True)
    return cloud.create_vm(call, agent_id, stemcell_cid, cloud_properties, networks, env)


@implements
def delete_vm(call: Call, vm_cid: str) -> None:
    """See Cloud.delete_vm."""
    _cloud(call).delete_vm(call, vm_cid)


@implements
def has_vm(call: Call, vm_cid: str) -> bool:
    """See Cloud.has_vm."""
    return _cloud(call).has_vm(call, vm_cid)


@implements
def reboot_vm(call: Call, vm_cid: str) -> None:
    """See Cloud.reboot_vm."""
    _cloud(call, grows=True).reboot_vm(call, vm_cid)


@implements
def configure_networks(call: Call, vm_cid: str) -> None:
    """See Cloud.configure_networks."""
    _cloud(call).configure_networks(call, vm_cid)


@implements
def set_vm_metadata(call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
    """See Cloud.set_vm_metadata."""
    _cloud(call).set_vm_metadata(call, vm_cid, metadata)


@implements
def create_disk(call: Call, size: int, cloud_properties: Json, vm_cid: str | None) -> str:
    """See Disks.create."""
    return _cloud(call).disks.create(call, size, cloud_properties, vm_cid)


@implements
def delete_disk(call: Call, disk_cid: str) -> None:
    """See Disks.delete."""
    _cloud(call).disks.delete(call, disk_cid)


@implements
def has_disk(call: Call, disk_cid: str) -> bool:
    """See Disks.exists."""
    return _cloud(call).disks.exists(call, disk_cid)


@implements
def attach_disk(call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """See Disks.attach."""
    return _cloud(call).disks.attach(call, vm_cid, disk_cid)


@implements
def detach_disk(call: Call, vm_cid: str, disk_cid: str) -> None:
    """See Disks.detach."""
    _cloud(call).disks.detach(call, vm_cid, disk_cid)


@implements
def resize_disk(call: Call, disk_cid: str, size: int) -> None:
    """See Disks.resize."""
    _cloud(call).disks.resize(call, disk_cid, size)


@implements
def update_disk(call: Call, disk_cid: str, size: int, cloud_properties: Json) -> None:
    """See Disks.update."""
    _cloud(call).disks.update(call, disk_cid, size, cloud_properties)


@implements
def set_disk_metadata(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> None:
    """See Disks.set_metadata."""
    _cloud(call).disks.set_metadata(call, disk_cid, metadata)


@implements
def get_disks(call: Call, vm_cid: str) -> Sequence[str]:
    """See Cloud.get_disks."""
    return _cloud(call).get_disks(call, vm_cid)


@implements
def snapshot_disk(call: Call, disk_cid: str, metadata: Mapping[str, str]) -> str:
    """See Disks.snapshot."""
    return _cloud(call).disks.snapshot(call, disk_cid, metadata)


@implements
def delete_snapshot(call: Call, snapshot_cid: str) -> None:
    """See Disks.delete_snapshot."""
    _cloud(call).disks.delete_snapshot(call, snapshot_cid)


@implements
def create_network(call: Call, definition: Json) -> NetworkCreated:
    """See Cloud.create_network."""
    return _cloud(call).create_network(call, definition)


@implements
def delete_network(call: Call, network_cid: str) -> None:
    """See Cloud.delete_network."""
    _cloud(call).delete_network(call, network_cid)


@implements
def calculate_vm_cloud_properties(call: Call, requirements: Json) -> Json:
    """See Cloud.calculate_vm_cloud_properties."""
    return _cloud(call).calculate_vm_cloud_properties(call, requirements)


@implements
def find(call: Call, kind: Kind, key: str) -> str | None:
    """See Cloud.find."""
    return _cloud(call).find(call, kind, key)


@implements
def find_all(call: Call, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
    """See Cloud.find_all."""
    return _cloud(call).find_all(call, kind, keys)


@implements
def vm_status(call: Call, vm_cids: Sequence[str], console: int) -> Mapping[str, VmStatus]:
    """See Cloud.vm_status."""
    return _cloud(call).vm_status(call, vm_cids, console)


def _cloud(call: Call, *, grows: bool = False) -> Cloud:
    """`grows`: VMs may come, so that the agents' process must be there."""
    config = Config.parse(call.properties)
    inventory = _inventories.setdefault(config.state_dir, Inventory(config.state_dir))
    if config.agents is None:
        return Cloud(config, inventory)
    if grows:
        launch.ensure(config.state_dir, call.properties)  # early: it starts while the call takes its time

    def changed() -> None:
        if grows:
            launch.ensure(config.state_dir, call.properties)  # it may just have ended, for want of VMs
        nudge.send(config.state_dir)

    return Cloud(config, inventory, changed=changed)
