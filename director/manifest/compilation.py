"""The ``compilation`` section of a cloud config."""

from __future__ import annotations

from director.manifest.reader import Node, did_you_mean
from director.model.cloud_config import CloudConfig, Compilation
from director.model.deployment import Document

UNKNOWN_NETWORK = 120001
UNKNOWN_AZ = 120002
UNKNOWN_VM_TYPE = 120003
UNKNOWN_VM_EXTENSION = 120005
BAD_VM = 120007
NO_SUBNET_IN_AZ = 150006

_RESOURCES = ("cpu", "ram", "ephemeral_disk_size")


def read_compilation(node: Node, offered: CloudConfig) -> Compilation | None:
    """``cloud_properties`` come from the VM type or are given directly, extensions laid over them."""
    workers = node.integer("workers", least=1)
    network = _network(node, offered)
    az = _az(node, offered, network)
    properties, resources = _machine(node, offered)
    reuse = node.flag("reuse_compilation_vms", False)
    node.flag("orphan_workers", False)
    env = node.hash("env")
    if workers is None or network is None:
        return None
    return Compilation(workers, network, az, properties, resources, reuse, env)


def read_resources(node: Node, key: str = "vm_resources") -> dict[str, int] | None:
    """cpu, ram and ephemeral_disk_size (MiB), all required."""
    section = node.section(key)
    if section is None:
        return None
    found = {name: section.integer(name, least=1) for name in _RESOURCES}
    return {name: value for name, value in found.items() if value is not None}


def _network(node: Node, offered: CloudConfig) -> str | None:
    name = node.text("network")
    if name is not None and name not in offered.networks:
        message = f"Compilation config references an unknown network '{name}'"
        node.fault(message, did_you_mean(name, offered.networks), code=UNKNOWN_NETWORK, at="network")
    return name


def _az(node: Node, offered: CloudConfig, network_name: str | None) -> str:
    name = node.text("az", required=False) or ""
    if name and name not in offered.azs:
        message = f"Compilation config references unknown az '{name}'"
        node.fault(message, did_you_mean(name, offered.azs), code=UNKNOWN_AZ, at="az")
        return name
    network = offered.networks.get(network_name or "")
    if network and network.type != "vip":
        held = {az for subnet in network.subnets for az in subnet.azs}
        if held and name not in held:
            message = (
                f"Compilation config refers to az '{name}' but network '{network.name}' has no matching subnet(s)."
            )
            remedy = f"Set 'az' to one of {', '.join(sorted(held))}."
            node.fault(message, remedy, code=NO_SUBNET_IN_AZ, at="az" if name else None)
    return name


def _machine(node: Node, offered: CloudConfig) -> tuple[Document, dict[str, int] | None]:
    properties = dict(node.hash("cloud_properties"))
    name = node.text("vm_type", required=False)
    resources = read_resources(node)
    if sum(map(bool, (properties, name, "vm_resources" in node))) > 1:
        message = (
            "Compilation config specifies more than one of 'vm_type', 'vm_resources', or 'cloud_properties',"
            " only one is allowed."
        )
        node.fault(message, "Keep one of them.", code=BAD_VM)
    if name:
        if name in offered.vm_types:
            properties = dict(offered.vm_types[name].cloud_properties)
        else:
            message = f"Compilation config references unknown vm type '{name}'"
            node.fault(message, did_you_mean(name, offered.vm_types), code=UNKNOWN_VM_TYPE, at="vm_type")
    for extension, place in node.texts("vm_extensions"):
        if extension not in offered.vm_extensions:
            message = f"Compilation config references unknown vm extension '{extension}'"
            place.fault(message, did_you_mean(extension, offered.vm_extensions), code=UNKNOWN_VM_EXTENSION)
            continue
        if not name and resources is None:
            message = (
                f"Compilation config is using vm extension '{extension}' and must configure a vm type or"
                " vm_resources block."
            )
            place.fault(message, "Add 'vm_type' or 'vm_resources'.", code=BAD_VM)
        properties.update(offered.vm_extensions[extension].cloud_properties)
    return properties, resources
