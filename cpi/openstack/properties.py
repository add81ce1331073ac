"""Cloud properties of VMs, networks, disks and stemcells, checked before anything is made."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from cpi.contract import CloudError, Json, Network
from cpi.fields import Fields
from cpi.openstack.config import Config

VM = (
    "availability_zone", "availability_zones", "instance_type", "security_groups", "key_name", "scheduler_hints",
    "root_disk", "boot_from_volume", "loadbalancer_pools", "allowed_address_pairs",
)  # fmt: skip
NETWORK = ("net_id", "security_groups")
MANAGED_NETWORK = ("router", "subnetpool", "dns")
IMAGE_FORMATS = ("raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso", "aki", "ari", "ami")
ABOUT_STEMCELL = (
    "name",
    "version",
    "disk_format",
    "container_format",
    "infrastructure",
    "disk",
    "image_id",
    "root_device_name",
)
IMAGE_PROPERTIES = ("os_type", "os_distro", "architecture", "auto_disk_config", "hypervisor")


@dataclass(frozen=True, slots=True)
class Pool:
    """A load balancer's pool by name or id, and the VM's port that it sends to."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class VmProperties:
    """`zones` are tried in this order; empty leaves the choice to nova. `root_size` is GiB."""

    instance_type: str
    zones: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    key_name: str = ""
    hints: Json = field(default_factory=dict[str, object])
    root_size: int | None = None
    boot_from_volume: bool = False
    pools: tuple[Pool, ...] = ()
    address_pairs: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: Json, config: Config) -> VmProperties:
        """The merged cloud_properties of create_vm."""
        fields = Fields("cloud_properties of the VM", given, VM)
        if not fields.text("instance_type"):
            raise CloudError("cloud_properties of the VM: property 'instance_type' is missing: name a flavor")
        zones = list(fields.texts("availability_zones"))
        if zones and fields.has("availability_zone"):
            raise fields.refused("availability_zones", "excludes 'availability_zone': give one of them")
        if zones and not config.ignore_server_zone:
            raise fields.refused("availability_zones", "needs ignore_server_availability_zone: true, as a disk then "
                                 "need not lie in its VM's zone")  # fmt: skip
        random.shuffle(zones)  # spreads load; nothing secret
        root = Fields("cloud_properties of the VM: root_disk", fields.section("root_disk"), ("size",))
        by_volume = fields.flag("boot_from_volume", config.boot_from_volume)
        if root.whole("size") and not by_volume:
            raise fields.refused("root_disk", "needs boot_from_volume: true; without it the flavor sets the size")
        one = fields.text("availability_zone")
        pairs = _address_pairs(fields, given)
        return cls(
            instance_type=fields.text("instance_type"),
            zones=tuple(zones) or ((one,) if one else ()),
            security_groups=fields.texts("security_groups"),
            key_name=fields.text("key_name") or config.key_name,
            hints=fields.section("scheduler_hints"),
            root_size=root.whole("size"),
            boot_from_volume=by_volume,
            pools=tuple(_pool(one) for one in fields.sections("loadbalancer_pools")),
            address_pairs=pairs,
        )


@dataclass(frozen=True, slots=True)
class NetworkProperties:
    """`net_id` is the network's UUID."""

    net_id: str
    security_groups: tuple[str, ...] = ()

    @classmethod
    def parse(cls, network: Network) -> NetworkProperties:
        """The cloud_properties of a manual or dynamic network."""
        where = f"cloud_properties of network '{network.name}'"
        fields = Fields(where, network.cloud_properties, NETWORK)
        if not fields.text("net_id"):
            raise CloudError(f"{where}: property 'net_id' is missing: the UUID of the network, not of its subnet")
        return cls(fields.text("net_id"), fields.texts("security_groups"))


def volume_type_of(given: Json, config: Config) -> str:
    """The cinder type that a disk's cloud_properties ask for; empty for cinder's own default."""
    return Fields("cloud_properties of the disk", given, ("type",)).text("type") or config.volume_type


@dataclass(frozen=True, slots=True)
class StemcellProperties:
    """`image_id` makes it a light one. `image` are properties of the image in glance. `disk_format` may be empty: what the
    disk itself says."""

    name: str
    image_id: str
    disk_format: str
    container_format: str
    image: Mapping[str, str]

    @classmethod
    def parse(cls, given: Json) -> StemcellProperties:
        """The cloud_properties of a stemcell's manifest."""
        known = (*ABOUT_STEMCELL, *IMAGE_PROPERTIES)
        fields = Fields(
            "cloud_properties of the stemcell", given, known, prefixes=("hw_", "img_", "os_", "hypervisor_")
        )
        version, name = fields.text("version"), fields.text("name", "stemcell")
        image: dict[str, str] = {}
        for key, value in given.items():
            if (key in IMAGE_PROPERTIES or key not in known) and value is not None:
                if isinstance(value, Mapping | list):
                    raise fields.wrong(key, "a string")
                image[key] = str(value).lower() if isinstance(value, bool) else str(value)
        if "hypervisor" in image:  # glance's own word for it
            image["hypervisor_type"] = image.pop("hypervisor")
        return cls(
            name=f"{name}/{version}" if version else name,
            image_id=fields.text("image_id"),
            disk_format=fields.choice("disk_format", "", ("", *IMAGE_FORMATS)),
            container_format=fields.choice("container_format", "bare", ("bare", "ovf", "ova", "aki", "ari", "ami")),
            image=image,
        )


def _pool(given: Json) -> Pool:
    fields = Fields("cloud_properties of the VM: loadbalancer_pools", given, ("name", "port"))
    port = fields.whole("port")
    if not fields.text("name") or port is None or port > 65535:
        raise CloudError("cloud_properties of the VM: loadbalancer_pools: each needs a name and a port (1 to 65535)")
    return Pool(fields.text("name"), port)


def _address_pairs(fields: Fields, given: Json) -> tuple[str, ...]:
    """An address, or a list of them; a range in CIDR form is one too."""
    value = given.get("allowed_address_pairs")
    pairs = (value,) if isinstance(value, str) else fields.texts("allowed_address_pairs")
    for pair in pairs:
        try:
            ipaddress.ip_interface(pair)
        except ValueError as error:
            raise fields.refused("allowed_address_pairs", f"holds {pair!r}, which is no address: {error}") from error
    return tuple(pairs)
