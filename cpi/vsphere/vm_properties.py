"""Cloud properties of VMs, networks and disks, checked before anything is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from cpi.contract import CloudError, Json, Network
from cpi.vsphere import shape
from cpi.vsphere.config import DATACENTER, DISK_TYPES, NO_NSX, NO_POLICY, Cluster, Config
from cpi.vsphere.shape import Shape, anything, flag, hash_of, list_of, one_of, refused, text, whole
from cpi.vsphere.stores import Choice

VM: Shape = {
    "datacenters": list_of(hash_of({**DATACENTER}, "name", "clusters")),
    "cpu": whole,
    "ram": whole,
    "disk": whole,
    "cpu_hot_add_enabled": flag,
    "memory_hot_add_enabled": flag,
    "nested_hardware_virtualization": flag,
    "disable_drs": flag,
    "enable_human_readable_name": flag,
    "cpu_reserve_full_mhz": flag,
    "memory_reservation_locked_to_max": flag,
    "upgrade_hw_version": flag,
    "datastores": list_of(anything),
    "storage_policy": refused(NO_POLICY),
    "vm_group": text,
    "tags": list_of(hash_of({"category": text, "tag": text}, "category", "tag")),
    "vmx_options": shape.scalars,
    "root_disk_size_gb": whole,
    "pci_passthroughs": list_of(hash_of({"vendor_id": whole, "device_id": whole}, "vendor_id", "device_id")),
    "vgpus": list_of(text),
    "device_groups": refused("a group of devices is not a device that can be asked for one by one; use vgpus"),
    "nsx": refused(NO_NSX),
    "nsxt": refused(NO_NSX),
}
NETWORK: Shape = {"name": text}
DISK: Shape = {"type": one_of(*DISK_TYPES), "datastores": list_of(anything), "name": text}


@dataclass(frozen=True, slots=True)
class VmWish:
    """What a VM shall be. `ram` and `disk` are MiB; `root_disk` is GiB, 0 for the stemcell's own size."""

    cpu: int
    ram: int
    disk: int
    clusters: tuple[Cluster, ...]
    choice: Choice | None
    cpu_hot_add: bool
    memory_hot_add: bool
    nested: bool
    disable_drs: bool
    readable_name: bool
    reserve_cpu: bool
    lock_memory: bool
    upgrade_hw_version: bool
    vm_group: str
    tags: tuple[tuple[str, str], ...]
    vmx_options: Mapping[str, str]
    root_disk: int
    pci: tuple[tuple[int, int], ...] = ()
    vgpus: tuple[str, ...] = ()

    @classmethod
    def parse(cls, config: Config, properties: Json) -> VmWish:
        """Read a VM type's (and AZ's) cloud properties over the global ones."""
        found = cast("dict[str, Any]", shape.read("", properties, VM, "cpu", "ram", "disk"))
        devices = bool(found.get("pci_passthroughs") or found.get("vgpus"))
        return cls(
            cpu=found["cpu"],
            ram=found["ram"],
            disk=found["disk"],
            clusters=_clusters(config, found.get("datacenters")),
            choice=choice_of("datastores", found.get("datastores")),
            cpu_hot_add=found.get("cpu_hot_add_enabled", False),
            memory_hot_add=found.get("memory_hot_add_enabled", False),
            nested=found.get("nested_hardware_virtualization", False),
            disable_drs=found.get("disable_drs", False),
            readable_name=found.get("enable_human_readable_name", config.readable_names),
            reserve_cpu=found.get("cpu_reserve_full_mhz", config.reserve_cpu),
            lock_memory=devices or found.get("memory_reservation_locked_to_max", config.lock_memory),
            upgrade_hw_version=devices or found.get("upgrade_hw_version", config.upgrade_hw_version),
            vm_group=found.get("vm_group", ""),
            tags=tuple((tag["category"], tag["tag"]) for tag in found.get("tags") or []),
            vmx_options={**config.vmx_options, **(found.get("vmx_options") or {})},
            root_disk=found.get("root_disk_size_gb", 0),
            pci=tuple((one["vendor_id"], one["device_id"]) for one in found.get("pci_passthroughs") or []),
            vgpus=tuple(found.get("vgpus") or ()),
        )


@dataclass(frozen=True, slots=True)
class DiskWish:
    """What a disk shall be: its provisioning, its datastores, and the name that overrides the CID made from the key."""

    type: str
    choice: Choice | None = None
    name: str = ""
    raw: Json = field(default_factory=dict[str, object])

    @classmethod
    def parse(cls, config: Config, properties: Json) -> DiskWish:
        """Read a disk type's cloud properties."""
        found = cast("dict[str, Any]", shape.read("", properties, DISK))
        name = found.get("name", "")
        if name and (set(name) & set("/[]\\") or len(name) > 200):
            raise CloudError(f"vsphere property name {name!r} must be a file's name without a folder")
        return cls(found.get("type", config.disk_type), choice_of("datastores", found.get("datastores")), name)


def network_name(network: Network) -> str:
    """The vCenter network that a network of the manifest is."""
    if network.type == "vip":
        raise CloudError(f"networks.{network.name}: vSphere has no vip networks; use a manual one")
    place = f"networks.{network.name}.cloud_properties"
    return str(shape.read(place, network.cloud_properties, NETWORK, "name")["name"])


def choice_of(place: str, value: Any) -> Choice | None:
    """`[name or {clusters: [{name: {}}]}]`; None when nothing is said."""
    if not value:
        return None
    names: list[str] = []
    clusters: list[str] = []
    for number, one in enumerate(value):
        if isinstance(one, str) and one:
            names.append(one)
        elif isinstance(one, Mapping) and set(cast(Json, one)) == {"clusters"} and isinstance(one["clusters"], list):
            for cluster in cast("list[Any]", one["clusters"]):
                clusters.extend([cluster] if isinstance(cluster, str) else list(cluster))
        else:
            raise CloudError(
                f"vsphere property {place}[{number}] must be a datastore's name or {{clusters: [{{name: {{}}}}]}}"
            )
    return Choice(tuple(names), tuple(clusters))


def _clusters(config: Config, datacenters: Any) -> tuple[Cluster, ...]:
    if not datacenters:
        return config.datacenter.clusters
    if len(datacenters) != 1 or datacenters[0]["name"] != config.datacenter.name:
        raise CloudError(
            f"vsphere property datacenters must name exactly one, and the same as the CPI's: {config.datacenter.name}"
        )
    return tuple(datacenters[0]["clusters"])
