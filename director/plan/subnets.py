"""Addresses of manual networks: which are static, which may be given out, and how an address is written for a CPI."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterator

from director.model.cloud_config import Network, Subnet
from director.model.deployment import Document

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def serves(subnet: Subnet, az: str) -> bool:
    """Whether instances of this AZ may have addresses of the subnet (a subnet without AZs serves all)."""
    return not subnet.azs or az in subnet.azs


def holds(subnet: Subnet, address: str) -> bool:
    """Whether the address lies in the subnet's range."""
    return bool(subnet.range) and ipaddress.ip_address(address) in ipaddress.ip_network(subnet.range, strict=False)


def within(spans: tuple[tuple[str, str], ...], address: Address) -> bool:
    """Whether the address lies in one of the inclusive spans."""
    return any(
        ipaddress.ip_address(first).version == address.version
        and int(ipaddress.ip_address(first)) <= int(address) <= int(ipaddress.ip_address(last))
        for first, last in spans
    )


def subnet_of(network: Network, address: str) -> Subnet | None:
    """The subnet that holds the address."""
    return next((one for one in network.subnets if holds(one, address)), None)


def is_static(subnet: Subnet, address: str) -> bool:
    """Whether the address is in the subnet's ``static`` list."""
    return within(subnet.static, ipaddress.ip_address(address))


def may_be_automatic(subnet: Subnet, address: str) -> bool:
    """Whether the address may be given out without being asked for: not first, last, gateway, reserved or static."""
    net = ipaddress.ip_network(subnet.range, strict=False)
    one = ipaddress.ip_address(address)
    if one in (net.network_address, net.broadcast_address) or (
        subnet.gateway and one == ipaddress.ip_address(subnet.gateway)
    ):
        return False
    return not within(subnet.reserved, one) and not within(subnet.static, one)


def free_addresses(network: Network, az: str, taken: Container[str]) -> Iterator[tuple[Subnet, str]]:
    """Addresses that may be given out, lowest first, over the AZ's subnets in listed order."""
    for subnet in network.subnets:
        if not subnet.range or not serves(subnet, az):
            continue
        for one in ipaddress.ip_network(subnet.range, strict=False).hosts():
            text = str(one)
            if text not in taken and may_be_automatic(subnet, text):
                yield subnet, text


def manual_settings(subnet: Subnet, address: str, default: tuple[str, ...]) -> Document:
    """One network of create_vm's ``networks`` argument (CPI contract §3)."""
    net = ipaddress.ip_network(subnet.range, strict=False)
    settings: Document = {
        "type": "manual",
        "ip": address,
        "prefix": str(net.max_prefixlen),
        "netmask": str(net.netmask),
        "cloud_properties": subnet.cloud_properties,
    }
    if default:
        settings["default"] = sorted(default)
    if subnet.gateway:
        settings["gateway"] = subnet.gateway
    if subnet.dns:
        settings["dns"] = list(subnet.dns)
    return settings


def dynamic_settings(subnet: Subnet, default: tuple[str, ...]) -> Document:
    """A dynamic network of create_vm's ``networks`` argument."""
    settings: Document = {"type": "dynamic", "cloud_properties": subnet.cloud_properties}
    if default:
        settings["default"] = sorted(default)
    if subnet.dns:
        settings["dns"] = list(subnet.dns)
    return settings


def vip_settings(subnet: Subnet, address: str) -> Document:
    """A vip network of create_vm's ``networks`` argument."""
    return {"type": "vip", "ip": address, "cloud_properties": subnet.cloud_properties}
