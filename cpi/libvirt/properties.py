"""Cloud properties of VMs, networks, disks and stemcells, checked before anything is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cpi.contract import Json, Network
from cpi.fields import Fields
from cpi.libvirt.config import CONTAINERS, FIRMWARES, KVM, MACHINE_TYPES, MACHINES, Config

VM = ("cpus", "memory", "ephemeral_disk")
VM_OF_MACHINES = ("root_disk", "storage_pool", "firmware", "machine", "cpu_model")
NETWORK = ("network", "name", "bridge")
NETWORK_OF_MACHINES = ("vlan", "openvswitch", "portgroup")
DISK_OF_MACHINES = ("storage_pool", "format")
STEMCELL_OF_MACHINES = ("storage_pool",)
ABOUT_STEMCELL = (
    "name", "version", "infrastructure", "hypervisor", "disk", "disk_format", "container_format", "os_type", "os_distro",
    "architecture", "root_device_name", "auto_disk_config",
)  # fmt: skip
"""What published stemcells say of themselves for other clouds; it is read over."""
LAST_VLAN = 4094


@dataclass(frozen=True, slots=True)
class VmProperties:
    """What a VM shall be. Sizes are MiB; `ephemeral_disk` 0 is none, `root_disk` 0 the stemcell's own size."""

    memory: int
    cpus: int
    ephemeral_disk: int = 0
    root_disk: int = 0
    storage_pool: str = ""
    firmware: str = "bios"
    machine: str = "pc"
    cpu_model: str = ""

    @classmethod
    def parse(cls, given: Json, config: Config) -> VmProperties:
        """The merged cloud_properties of create_vm, over the global ones."""
        machines = config.virt_type != CONTAINERS
        fields = Fields("cloud_properties of the VM", given, (*VM, *VM_OF_MACHINES))
        _of_machines(fields, config, VM_OF_MACHINES)
        firmware = fields.choice("firmware", config.firmware, FIRMWARES)
        chosen = fields.choice("machine", config.machine, ("", *MACHINE_TYPES))
        return cls(
            memory=fields.whole("memory") or config.memory,
            cpus=fields.whole("cpus") or config.cpus,
            ephemeral_disk=(fields.whole("ephemeral_disk") or 0) if machines else _unlimited(fields),
            root_disk=fields.whole("root_disk") or 0,
            storage_pool=fields.text("storage_pool") or config.storage_pool,
            firmware=firmware,
            machine=chosen or ("q35" if firmware == "uefi" else "pc"),
            cpu_model=fields.text("cpu_model") or config.cpu_model,
        )


@dataclass(frozen=True, slots=True)
class NetworkProperties:
    """Where a card goes: a network of libvirt (or one of its port groups), or a bridge of the host. `vlan` 0 is none."""

    network: str = ""
    bridge: str = ""
    vlan: int = 0
    openvswitch: bool = False
    portgroup: str = ""

    @classmethod
    def parse(cls, network: Network, config: Config) -> NetworkProperties:
        """The cloud_properties of a manual or dynamic network."""
        where = f"networks.{network.name}.cloud_properties"
        fields = Fields(where, network.cloud_properties, (*NETWORK, *NETWORK_OF_MACHINES))
        _of_machines(fields, config, NETWORK_OF_MACHINES)
        bridge, vlan = fields.text("bridge"), fields.whole("vlan") or 0
        if bridge and (fields.has("network") or fields.has("name") or fields.has("portgroup")):
            raise fields.refused("bridge", "excludes 'network', 'name' and 'portgroup': a card has one place")
        if vlan > LAST_VLAN:
            raise fields.refused("vlan", f"is {vlan}; VLANs are numbered 1 to {LAST_VLAN}")
        virtual_switch = fields.flag("openvswitch")
        if virtual_switch and not bridge:
            raise fields.refused("openvswitch", "says of what kind 'bridge' is: name the bridge too")
        if vlan and bridge and not virtual_switch:
            raise fields.refused("vlan", "needs openvswitch: true: libvirt tags no frames on a Linux bridge. Name a bridge over "
                                 "the VLAN's own device instead, or a network of libvirt that tags")  # fmt: skip
        return cls(
            network=fields.text("network") or fields.text("name") or config.network,
            bridge=bridge,
            vlan=vlan,
            openvswitch=virtual_switch,
            portgroup=fields.text("portgroup"),
        )


@dataclass(frozen=True, slots=True)
class DiskProperties:
    """Where a machine's disk lies and in which form; qcow2 takes the room that is written only."""

    storage_pool: str
    form: str = "qcow2"

    @classmethod
    def parse(cls, given: Json, config: Config) -> DiskProperties:
        """A disk type's cloud_properties."""
        fields = Fields("cloud_properties of the disk", given, DISK_OF_MACHINES)
        _of_machines(fields, config, DISK_OF_MACHINES)
        return cls(
            fields.text("storage_pool") or config.storage_pool, fields.choice("format", "qcow2", ("qcow2", "raw"))
        )


def stemcell_pool(given: Json, config: Config) -> str:
    """The pool of a stemcell, out of its manifest's cloud_properties."""
    fields = Fields(
        "cloud_properties of the stemcell", given, (*ABOUT_STEMCELL, *STEMCELL_OF_MACHINES), prefixes=("hw_", "os_")
    )
    return fields.text("storage_pool") or config.storage_pool


def networks_of(networks: Mapping[str, Network], config: Config) -> dict[str, NetworkProperties]:
    """By name, without the vip networks, which have no card."""
    return {
        name: NetworkProperties.parse(network, config) for name, network in networks.items() if network.type != "vip"
    }


def _of_machines(fields: Fields, config: Config, keys: tuple[str, ...]) -> None:
    for key in keys if config.virt_type == CONTAINERS else ():
        if fields.has(key):
            raise fields.refused(key, f"is of machines: containers have none; set virt_type to {MACHINES} or {KVM}")


def _unlimited(fields: Fields) -> int:
    """A container's data lies on the host's file system, without a limit of its own: what is asked for is there."""
    fields.whole("ephemeral_disk")
    return 0
