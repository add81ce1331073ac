"""Cloud configs to `CloudConfig`: several named ones are joined; all faults are reported together (manifest reference §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from director.manifest.canonical import canonical
from director.manifest.compilation import read_compilation
from director.manifest.early import fill_early
from director.manifest.networks import NetworkRules, read_network
from director.manifest.placeholder_check import check_placeholders
from director.manifest.reader import MISSING, Node, open_document, unique
from director.model.cloud_config import Az, CloudConfig, Compilation, DiskType, VmType
from director.model.errors import Faults

_SECTIONS = ("azs", "networks", "vm_types", "vm_extensions", "disk_types")
_ACROSS = 570000
T = TypeVar("T", bound="Az | VmType | DiskType")


def load_cloud_config(
    texts: Sequence[tuple[str, str]], *, rules: NetworkRules | None = None, values: Mapping[str, Any] | None = None
) -> CloudConfig:
    """Texts (document name for errors, YAML) as one config. Raises one `BadRequest` that lists every fault; no texts give an empty config.

    ``values`` are those of `early_variables`.
    """
    faults = Faults()
    documents = [
        found for name, text in texts if (found := open_document(text, name, faults, what="Cloud config", code=440011))
    ]
    for one in documents:
        one.value = fill_early(one.value, values or {})
        check_placeholders(one, absolute_only=True)
    joined = {section: [item for one in documents for item in one.items(section)] for section in _SECTIONS}
    azs = _by_name(joined["azs"], _az, "az", 190017, faults)
    vm_types = _by_name(joined["vm_types"], _vm_type, "vm type", 190004, faults)
    extensions = _by_name(joined["vm_extensions"], _vm_type, "vm extension", 190005, faults)
    disk_types = _by_name(joined["disk_types"], _disk_type, "disk type", 190013, faults)
    found = [network for node in joined["networks"] if (network := read_network(node, azs, rules or NetworkRules()))]
    named = [
        (canonical(node.value["name"]), node) for node in joined["networks"] if isinstance(node.value.get("name"), str)
    ]
    _unique(named, "Invalid network name '{name}', canonical name already taken", 190007)
    networks = {network.name: network for network in found}
    if documents and not joined["networks"]:
        documents[0].fault("No networks specified", "Add at least one network under 'networks'.", code=190008)
    compilation = _compilation(documents, CloudConfig(azs, networks, vm_types, extensions, disk_types))
    faults.settle()
    return CloudConfig(azs, networks, vm_types, extensions, disk_types, compilation)


def _unique(named: list[tuple[str, Node]], message: str, code: int) -> None:
    """Doubles inside one document have the section's own code, those between documents are merge faults."""
    by_document: dict[str, list[tuple[str, Node]]] = {}
    for name, node in named:
        by_document.setdefault(node.source.name, []).append((name, node))
    firsts: list[tuple[str, Node]] = []
    for inside in by_document.values():
        unique(inside, message, code=code)
        firsts += {name: (name, node) for name, node in reversed(inside)}.values()
    unique(firsts, message, code=_ACROSS)


def _by_name(nodes: list[Node], read: Callable[[Node], T | None], what: str, code: int, faults: Faults) -> dict[str, T]:
    found = [(one, node) for node in nodes if (one := read(node))]
    _unique([(one.name, node) for one, node in found], f"Duplicate {what} name '{{name}}'", code)
    return {one.name: one for one, _ in found}


def _az(node: Node) -> Az | None:
    name = node.text("name")
    properties = node.hash("cloud_properties")
    cpi = node.text("cpi", required=False) or ""
    return Az(name, properties, cpi) if name else None


def _vm_type(node: Node) -> VmType | None:
    name = node.text("name")
    properties = node.hash("cloud_properties")
    return VmType(name, properties) if name else None


def _disk_type(node: Node) -> DiskType | None:
    name = node.text("name")
    size = node.integer("disk_size", least=1, code=200001)
    properties = node.hash("cloud_properties")
    return DiskType(name, size, properties) if name and size is not None else None


def _compilation(documents: list[Node], offered: CloudConfig) -> Compilation | None:
    holders = [one for one in documents if "compilation" in one]
    if not holders:
        if documents:
            message = "Required property 'compilation' was not specified"
            documents[0].fault(message, "Add 'compilation' with workers, network and vm_type.", code=MISSING)
        return None
    for extra in holders[1:]:
        message = "Cloud config 'compilation' key cannot be defined in multiple cloud configs."
        remedy = f"Keep the one at {holders[0].source.name}:{holders[0].child('compilation').line}."
        extra.fault(message, remedy, code=_ACROSS, at="compilation")
    node = holders[0].section("compilation")
    return read_compilation(node, offered) if node else None
