"""``networks[]`` of a cloud config: manual, dynamic and vip, with the rules for their subnets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from msgspec import Struct

from director.manifest.addresses import Cidr, read_cidr
from director.manifest.canonical import check_canonical
from director.manifest.reader import Node, did_you_mean
from director.manifest.subnets import INVALID_PROPERTY, NetworkRules, read_dns, read_manual_subnet, read_vip_static
from director.model.cloud_config import Az, Network, Subnet
from director.model.deployment import Document

__all__ = ["NetworkRules", "read_network"]

OVERLAP = 160001
UNKNOWN_AZ = 160007
MIXED_AZS = 140016
BAD_TYPE = 190010
PREFIXES_DIFFER = 16014
BAD_PREFIX = 160008


class _Entry(Struct, frozen=True):
    subnet: Subnet
    node: Node


def read_network(node: Node, azs: Mapping[str, Az], rules: NetworkRules) -> Network | None:
    """None when the network has no usable name or type; faults are recorded in the node's list."""
    name = node.text("name")
    kind = node.text("type", required=False) or "manual"
    if name is None:
        return None
    check_canonical(node, name)
    if kind == "manual":
        return _manual(node, name, azs, rules)
    if kind == "dynamic":
        return _dynamic(node, name, azs)
    if kind == "vip":
        return _vip(node, name, azs)
    node.fault(f"Invalid network type '{kind}'", "Use manual, dynamic or vip.", code=BAD_TYPE, at="type")
    return None


def _manual(node: Node, name: str, azs: Mapping[str, Az], rules: NetworkRules) -> Network:
    managed = node.flag("managed", False) and rules.managed
    entries = [
        _Entry(read_manual_subnet(each, name, _azs(each, name, azs), managed=managed, rules=rules), each)
        for each in node.items("subnets", required=True)
    ]
    _all_or_no_azs(entries, name)
    _no_overlap(entries, name)
    prefixes = {entry.subnet.prefix for entry in entries if entry.subnet.range}
    if len(prefixes) > 1:
        message = f"Network '{name}' has subnets that define different prefixes"
        node.fault(message, "Give every subnet the same 'prefix'.", code=PREFIXES_DIFFER, at="subnets")
    return Network(name, "manual", tuple(entry.subnet for entry in entries), managed)


def _dynamic(node: Node, name: str, azs: Mapping[str, Az]) -> Network:
    for key in ("az", "azs", "managed", "prefix"):
        if key in node:
            message = f"Network '{name}' must not specify '{key}'."
            node.fault(
                message, "A dynamic network takes it from its subnets or not at all.", code=INVALID_PROPERTY, at=key
            )
    if "subnets" not in node:
        subnet = Subnet(dns=read_dns(node, name), cloud_properties=node.hash("cloud_properties"))
        return Network(name, "dynamic", (subnet,))
    _not_beside_subnets(node, name)
    entries = [
        _Entry(
            Subnet(azs=_azs(each, name, azs), dns=read_dns(each, name), cloud_properties=each.hash("cloud_properties")),
            each,
        )
        for each in node.items("subnets")
    ]
    for entry in entries:
        if entry.node.integer("prefix", required=False) not in (None, 32):
            message = "Prefix property is not supported for dynamic networks."
            entry.node.fault(message, "Remove it.", code=BAD_PREFIX, at="prefix")
    _all_or_no_azs(entries, name)
    return Network(name, "dynamic", tuple(entry.subnet for entry in entries))


def _not_beside_subnets(node: Node, name: str) -> None:
    for key in ("dns", "cloud_properties"):
        if key in node:
            message = f"Network '{name}' must not specify '{key}' when also specifying 'subnets'."
            node.fault(message, f"Move '{key}' into the subnets.", code=INVALID_PROPERTY, at=key)


def _vip(node: Node, name: str, azs: Mapping[str, Az]) -> Network:
    shared: Document = node.hash("cloud_properties")
    subnets = tuple(
        Subnet(
            azs=_azs(each, name, azs),
            static=read_vip_static(each, name),
            cloud_properties={**shared, **each.hash("cloud_properties")},
        )
        for each in node.items("subnets")
    )
    return Network(name, "vip", subnets or (Subnet(cloud_properties=shared),))


def _azs(node: Node, network: str, azs: Mapping[str, Az]) -> tuple[str, ...]:
    if "az" in node and "azs" in node:
        message = f"Network '{network}' contains both 'az' and 'azs'. Choose one."
        node.fault(message, "Remove 'az'.", code=INVALID_PROPERTY, at="az")
    if "azs" in node:
        found = node.texts("azs")
        if node.value["azs"] == []:
            message = f"Network '{network}' refers to an empty 'azs' array"
            node.fault(message, "Name an AZ or remove 'azs'.", code=INVALID_PROPERTY, at="azs")
    else:
        one = node.text("az", required=False)
        found = [(one, node.child("az"))] if one else []
    for name, place in found:
        if name not in azs:
            message = f"Network '{network}' refers to an unknown availability zone '{name}'"
            place.fault(message, did_you_mean(name, azs), code=UNKNOWN_AZ)
    return tuple(name for name, _ in found)


def _all_or_no_azs(entries: list[_Entry], name: str) -> None:
    bare = [entry for entry in entries if not entry.subnet.azs]
    if bare and len(bare) != len(entries):
        message = f"Subnets on network '{name}' must all either specify availability zone or not"
        bare[0].node.fault(message, "Add 'azs' to this subnet.", code=MIXED_AZS)


def _no_overlap(entries: list[_Entry], name: str) -> None:
    ranges: list[tuple[Cidr, Node]] = [
        (read_cidr(entry.subnet.range), entry.node) for entry in entries if entry.subnet.range
    ]
    for (one, _), (other, node) in combinations(ranges, 2):
        if one.version == other.version and one.overlaps(other):  # pyright: ignore[reportArgumentType]
            message = f"Network '{name}' has overlapping subnets"
            node.fault(message, f"{other} shares addresses with {one}; change one of them.", code=OVERLAP, at="range")
