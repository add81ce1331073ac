"""``networks[]`` and ``azs`` of an instance group."""

from __future__ import annotations

from director.manifest.addresses import expand, read_cidr, read_span
from director.manifest.reader import INVALID_TYPE, Node, did_you_mean, shown, unique
from director.model.cloud_config import CloudConfig, Network
from director.model.deployment import GroupNetwork

NO_NETWORK = 140009
INVALID_AZ = 140016
EMPTY_AZS = 140017
UNKNOWN_AZ = 140018
UNKNOWN_NETWORK = 150001
STATIC_MISMATCH = 150002
BAD_DEFAULT = 150003
MANY_DEFAULTS = 150004
NO_DEFAULT = 150005
AZ_MISSING = 150006
STATIC_OUTSIDE_AZS = 150007
STATIC_ON_DYNAMIC = 150008
BAD_STATIC = 150009
VIP_DEFAULT = 130007
OUTSIDE_SUBNETS = 130012
BAD_ADDRESS = 160010

_REQUIRED = ("dns", "gateway")
_ALLOWED = ("dns", "gateway", "addressable")
_MOST_STATIC = 65_536


def read_azs(node: Node, group: str, cloud: CloudConfig) -> tuple[str, ...]:
    """Names of AZs; none when the group has no ``azs``."""
    if node.value.get("azs") == []:
        message = f"Instance group '{group}' has empty availability zones"
        node.fault(message, "Name an AZ or remove 'azs'.", code=EMPTY_AZS, at="azs")
    out: list[str] = []
    for item in node.members("azs"):
        if not isinstance(item.value, str):
            message = f"Instance group '{group}' has invalid availability zone {shown(item.value)}, string expected"
            item.fault(message, "Write the name of an AZ of the cloud config.", code=INVALID_AZ)
        elif item.value not in cloud.azs:
            message = f"Instance group '{group}' references unknown availability zone '{item.value}'"
            item.fault(message, did_you_mean(item.value, cloud.azs), code=UNKNOWN_AZ)
        else:
            out.append(item.value)
    return tuple(out)


def read_networks(
    node: Node, group: str, instances: int | None, azs: tuple[str, ...], cloud: CloudConfig
) -> tuple[GroupNetwork, ...]:
    """Defaults settled: a single network takes dns and gateway."""
    if node.value.get("networks") == []:
        message = f"Instance group '{group}' must specify at least one network"
        node.fault(message, "Add a network of the cloud config.", code=NO_NETWORK, at="networks")
        return ()
    found: list[tuple[GroupNetwork, Node]] = []
    for item in node.items("networks", required=True):
        name = item.text("name")
        if name is None:
            continue
        network = cloud.networks.get(name)
        if network is None:
            message = f"Instance group '{group}' references an unknown network '{name}'"
            item.fault(message, did_you_mean(name, cloud.networks), code=UNKNOWN_NETWORK, at="name")
        else:
            _check_azs(item, group, azs, network)
        static = _static_ips(item, group, instances, azs, network)
        default = _default(item, group, network)
        found.append((GroupNetwork(name, static, default, item.text("nic_group", required=False) or ""), item))
    unique(
        [(one.name, place) for one, place in found],
        f"Instance group '{group}' lists network '{{name}}' more than once",
        code=UNKNOWN_NETWORK,
    )
    return _settle_defaults(node, group, [one for one, _ in found])


def _check_azs(node: Node, group: str, azs: tuple[str, ...], network: Network) -> None:
    held = {az for subnet in network.subnets for az in subnet.azs}
    if network.type == "vip" or not held:
        return
    if not azs or not set(azs) <= held:
        message = (
            f"Instance group '{group}' must specify availability zone that matches availability zones of network"
            f" '{network.name}'"
        )
        remedy = f"Set the group's 'azs' to some of {', '.join(sorted(held))}."
        node.fault(message, remedy, code=AZ_MISSING, at="name")


def _static_ips(
    node: Node, group: str, instances: int | None, azs: tuple[str, ...], network: Network | None
) -> tuple[str, ...]:
    if node.value.get("static_ips") is None:
        return ()
    if network and network.type == "dynamic":
        message = f"Instance group '{group}' using dynamic network '{network.name}' cannot specify static IP(s)"
        node.fault(message, "Remove 'static_ips' or use a manual network.", code=STATIC_ON_DYNAMIC, at="static_ips")
        return ()
    out: dict[str, None] = {}
    faulty = False
    held = node.value["static_ips"]
    for item in node.members("static_ips") if isinstance(held, list) else [node.child("static_ips")]:
        for address in _addresses(item):
            if address in out:
                message = f"Instance group '{group}' specifies static IP '{address}' more than once"
                item.fault(message, "Name every address once.", code=BAD_STATIC)
            faulty = faulty or not _in_static(item, group, address, azs, network)
            out[address] = None
        faulty = faulty or not out
    if instances is not None and not faulty and len(out) != instances:
        message = (
            f"Instance group '{group}' has {instances} instances but was allocated {len(out)} static IPs in network"
            f" '{node.value['name']}'"
        )
        node.fault(message, "Give one static IP per instance.", code=STATIC_MISMATCH, at="static_ips")
    return tuple(out)


def _addresses(item: Node) -> list[str]:
    if not isinstance(item.value, str):
        message = f"Property 'static_ips' holds {shown(item.value)} where an address is required"
        item.fault(message, "Write an address or a range 'a - b'.", code=INVALID_TYPE)
        return []
    try:
        return [str(each) for each in expand(read_span(item.value), _MOST_STATIC)]
    except ValueError as error:
        message = f"Invalid IP or range '{item.value}' in 'static_ips': {error}"
        item.fault(message, "Write an address or a range 'a - b'.", code=BAD_ADDRESS)
        return []


def _in_static(item: Node, group: str, address: str, azs: tuple[str, ...], network: Network | None) -> bool:
    if network is None or network.type != "manual":
        return True
    span = read_span(address)
    subnets = [one for one in network.subnets if one.range and span[0] in read_cidr(one.range)]
    if network.managed or not all(one.range for one in network.subnets):
        return True
    if not subnets:
        message = f"Instance group '{group}' has static IP '{address}' outside every subnet of '{network.name}'"
        item.fault(message, "Choose an address of the network's static ranges.", code=OUTSIDE_SUBNETS)
        return False
    held = subnets[0].azs
    if held and azs and not set(held) & set(azs):
        message = f"Instance group '{group}' declares static ip '{address}' which does not belong to any of its availability zones"
        remedy = f"The address is in {', '.join(held)}; the group in {', '.join(azs)}."
        item.fault(message, remedy, code=STATIC_OUTSIDE_AZS)
        return False
    for first, last in subnets[0].static:
        if int(read_span(first)[0]) <= int(span[0]) <= int(read_span(last)[0]):
            return True
    message = f"Instance group '{group}' with network '{network.name}' requests static IP '{address}' which is not in the network's static ranges"
    listed = ", ".join(f"{a} - {b}" for a, b in subnets[0].static) or "none"
    item.fault(message, f"Add it to 'static' of the subnet {subnets[0].range} (now: {listed}).", code=STATIC_MISMATCH)
    return False


def _default(node: Node, group: str, network: Network | None) -> tuple[str, ...]:
    out: list[str] = []
    for name, place in node.texts("default"):
        if name not in _ALLOWED:
            message = (
                f"Instance group '{group}' specified an invalid default network property '{name}', valid properties"
                f" are: {', '.join(_ALLOWED)}"
            )
            place.fault(message, did_you_mean(name, _ALLOWED), code=BAD_DEFAULT)
        else:
            out.append(name)
    if out and network and network.type == "vip":
        message = "Can't provide any defaults since this is a VIP network"
        node.fault(message, "Move 'default' to a manual or dynamic network.", code=VIP_DEFAULT, at="default")
    return tuple(out)


def _settle_defaults(node: Node, group: str, networks: list[GroupNetwork]) -> tuple[GroupNetwork, ...]:
    if len(networks) == 1:
        one = networks[0]
        default = (*one.default, *(key for key in _REQUIRED if key not in one.default))
        return (GroupNetwork(one.name, one.static_ips, default, one.nic_group),)
    doubled: list[str] = []
    for key in _ALLOWED:
        holders = [one.name for one in networks if key in one.default]
        if len(holders) > 1:
            doubled.append(f"'{key}' has default networks: {', '.join(map(repr, holders))}.")
    if doubled:
        message = f"Instance group '{group}' specified more than one network to contain default. {' '.join(doubled)}"
        node.fault(message, "Give each of dns and gateway to one network.", code=MANY_DEFAULTS, at="networks")
    missing = [key for key in _REQUIRED if not any(key in one.default for one in networks)]
    if missing and networks:
        message = (
            f"Instance group '{group}' must specify which network is default for {', '.join(missing)}, since it has"
            " more than one network configured"
        )
        node.fault(message, f"Add 'default: [{', '.join(missing)}]' to one network.", code=NO_DEFAULT, at="networks")
    return tuple(networks)
