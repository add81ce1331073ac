"""The skeleton CPI: each call of the contract that it declares. What is not here is not declared, and the director does without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cpi.conformance.skeleton.cloud import Cloud, Item
from cpi.contract import (
    Call,
    CloudError,
    DiskHint,
    DiskNotAttached,
    DiskNotFound,
    Info,
    Json,
    Kind,
    Network,
    StemcellNotFound,
    VmCreated,
    VMNotFound,
    implements,
)


@implements
def info() -> Info:
    """The stemcells that this cloud boots."""
    return Info(("skeleton-raw",))


@implements
def create_stemcell(call: Call, image_path: str, cloud_properties: Json) -> str:
    """Upload the image. Made before under this key: the same one again."""
    cloud, cid = _cloud(call), Cloud.cid("stemcell", call.key)
    image = Path(image_path)
    if not image.is_file():
        raise CloudError(f"stemcell image '{image}' is not a file")
    with cloud.locked():
        cloud.put("stemcell", cid, {"size": image.stat().st_size, "properties": dict(cloud_properties)})
    return cid


@implements
def delete_stemcell(call: Call, stemcell_cid: str) -> None:
    """Quietly when it is gone."""
    _cloud(call).drop("stemcell", stemcell_cid)


@implements
def create_vm(
    call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json, networks: Mapping[str, Network], env: Json
) -> VmCreated:
    """Make a VM that boots the stemcell and finds its settings. On a failure nothing of it may be left."""
    cloud, cid = _cloud(call), Cloud.cid("vm", call.key)
    answer = {name: dict(network.raw) for name, network in networks.items()}
    with cloud.locked():
        known = cloud.get("vm", cid)
        if known is not None:
            if known["agent_id"] != agent_id:
                raise CloudError(f"VM '{cid}' was made for agent {known['agent_id']}")
            return VmCreated(cid, answer)
        if cloud.get("stemcell", stemcell_cid) is None:
            raise StemcellNotFound(f"stemcell '{stemcell_cid}' not found")
        call.check()
        settings = {"agent_id": agent_id, "vm": {"name": cid}, "networks": answer, "env": dict(env)}
        cloud.put("vm", cid, {"agent_id": agent_id, "settings": settings, "properties": dict(cloud_properties)})
    call.log(f"VM '{cid}' is made")
    return VmCreated(cid, answer)


@implements
def delete_vm(call: Call, vm_cid: str) -> None:
    """Its disks are kept, detached. Quietly when it is gone."""
    cloud = _cloud(call)
    with cloud.locked():
        for disk in _attached(cloud, vm_cid):
            cloud.put("disk", disk, {**_disk(cloud, disk), "vm": None})
        cloud.drop("vm", vm_cid)


@implements
def has_vm(call: Call, vm_cid: str) -> bool:
    """Ask the cloud, never what this plugin remembers."""
    return _cloud(call).get("vm", vm_cid) is not None


@implements
def set_vm_metadata(call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
    """Tags."""
    cloud = _cloud(call)
    with cloud.locked():
        cloud.put("vm", vm_cid, {**_vm(cloud, vm_cid), "metadata": dict(metadata)})


@implements
def create_disk(call: Call, size: int, cloud_properties: Json) -> str:
    """A disk of so many MiB. Made before under this key: the same one again."""
    cloud, cid = _cloud(call), Cloud.cid("disk", call.key)
    with cloud.locked():
        if cloud.get("disk", cid) is None:
            cloud.put("disk", cid, {"size": size, "properties": dict(cloud_properties), "vm": None})
    return cid


@implements
def delete_disk(call: Call, disk_cid: str) -> None:
    """Refused while it is attached; quietly when it is gone."""
    cloud = _cloud(call)
    with cloud.locked():
        disk = cloud.get("disk", disk_cid)
        if disk is not None and disk["vm"]:
            raise CloudError(f"disk '{disk_cid}' is attached to VM '{disk['vm']}'")
        cloud.drop("disk", disk_cid)


@implements
def has_disk(call: Call, disk_cid: str) -> bool:
    """Ask the cloud."""
    return _cloud(call).get("disk", disk_cid) is not None


@implements
def attach_disk(call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """The hint says where the agent finds it. Attached already: the same hint again."""
    cloud = _cloud(call)
    with cloud.locked():
        _vm(cloud, vm_cid)
        disk = _disk(cloud, disk_cid)
        if disk["vm"] not in (None, vm_cid):
            raise CloudError(f"disk '{disk_cid}' is attached to VM '{disk['vm']}'")
        cloud.put("disk", disk_cid, {**disk, "vm": vm_cid})
    return DiskHint({"path": f"/dev/disk/by-id/{disk_cid}"})


@implements
def detach_disk(call: Call, vm_cid: str, disk_cid: str) -> None:
    """The data stays."""
    cloud = _cloud(call)
    with cloud.locked():
        _vm(cloud, vm_cid)
        disk = _disk(cloud, disk_cid)
        if disk["vm"] != vm_cid:
            raise DiskNotAttached(f"disk '{disk_cid}' is not attached to VM '{vm_cid}'")
        cloud.put("disk", disk_cid, {**disk, "vm": None})


@implements
def get_disks(call: Call, vm_cid: str) -> Sequence[str]:
    """What is attached."""
    cloud = _cloud(call)
    _vm(cloud, vm_cid)
    return _attached(cloud, vm_cid)


@implements
def find(call: Call, kind: Kind, key: str) -> str | None:
    """What was made under a key; after None it never comes. The director recovers a call that was cut off by it."""
    cloud, cid = _cloud(call), Cloud.cid(kind, key)
    with cloud.locked():
        return cid if cloud.get(kind, cid) is not None else None


def _cloud(call: Call) -> Cloud:
    directory = call.properties.get("state_dir")
    if not isinstance(directory, str) or not directory.startswith("/"):
        raise CloudError(f"property state_dir must be an absolute path, not {directory!r}")
    return Cloud(Path(directory))


def _vm(cloud: Cloud, cid: str) -> Item:
    found = cloud.get("vm", cid)
    if found is None:
        raise VMNotFound(f"VM '{cid}' not found")
    return found


def _disk(cloud: Cloud, cid: str) -> Item:
    found = cloud.get("disk", cid)
    if found is None:
        raise DiskNotFound(f"disk '{cid}' not found")
    return found


def _attached(cloud: Cloud, vm_cid: str) -> list[str]:
    return [cid for cid in cloud.cids("disk") if _disk(cloud, cid)["vm"] == vm_cid]
