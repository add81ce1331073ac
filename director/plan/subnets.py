"""Addresses of manual and vip networks: which are static, which may be given out, and how an address is written for a CPI."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterator
from functools import lru_cache

from msgspec import Struct

from director.model.cloud_config import Network, Subnet
from director.model.deployment import Document, GroupNetwork

Range = ipaddress.IPv4Network | ipaddress.IPv6Network
Spans = tuple[tuple[str, str], ...]


class _Bounds(Struct, frozen=True):
    """A range as numbers: addresses of big networks are asked for many thousand times."""

    net: Range
    first: int
    last: int


@lru_cache(maxsize=1024)
def _bounds(text: str) -> _Bounds:
    net = ipaddress.ip_network(text, strict=False)
    return _Bounds(net, int(net[0]), int(net[-1]))


@lru_cache(maxsize=65536)
def _number(address: str) -> tuple[int, int]:
    """An address as (version, number)."""
    one = ipaddress.ip_address(address)
    return one.version, int(one)


@lru_cache(maxsize=1024)
def _numbers(spans: Spans) -> tuple[tuple[int, int, int], ...]:
    """Spans as (version, first, last)."""
    pairs = [(ipaddress.ip_address(first), ipaddress.ip_address(last)) for first, last in spans]
    return tuple((first.version, int(first), int(last)) for first, last in pairs)


def serves(subnet: Subnet, az: str) -> bool:
    """Whether instances of this AZ may have addresses of the subnet (a subnet without AZs serves all)."""
    return not subnet.azs or az in subnet.azs


def holds(subnet: Subnet, address: str) -> bool:
    """Whether the address lies in the subnet's range; a vip subnet holds its static addresses."""
    if not subnet.range:
        return is_static(subnet, address)
    bounds = _bounds(subnet.range)
    version, number = _number(address)
    return version == bounds.net.version and bounds.first <= number <= bounds.last


def subnet_of(network: Network, address: str) -> Subnet | None:
    """The subnet that holds the address."""
    return next((one for one in network.subnets if holds(one, address)), None)


def is_static(subnet: Subnet, address: str) -> bool:
    """Whether the address is in the subnet's ``static`` list."""
    return _within(subnet.static, address)


def is_reserved(subnet: Subnet, address: str) -> bool:
    """Whether the address is in the subnet's ``reserved`` list."""
    return _within(subnet.reserved, address)


def may_be_automatic(subnet: Subnet, address: str) -> bool:
    """Whether the address may be given out without being asked for: of a manual subnet neither first, last, gateway, reserved nor static;
    of a vip subnet any static one."""
    if not subnet.range:
        return is_static(subnet, address)
    bounds, (_, number) = _bounds(subnet.range), _number(address)
    return bounds.first < number < bounds.last and not any(
        first <= number <= last for first, last in _barred(subnet, bounds)
    )


def free_addresses(network: Network, az: str, taken: Container[str]) -> Iterator[tuple[Subnet, str]]:
    """Addresses that may be given out, lowest first, over the AZ's subnets in listed order. ``taken`` is asked when an address is due."""
    for subnet in network.subnets:
        if serves(subnet, az):
            for text in _candidates(subnet):
                if text not in taken:
                    yield subnet, text


def _candidates(subnet: Subnet) -> Iterator[str]:
    if not subnet.range:
        for version, first, last in sorted(_numbers(subnet.static)):
            kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
            for number in range(first, last + 1):
                yield str(kind(number))
        return
    bounds = _bounds(subnet.range)
    kind = ipaddress.IPv4Address if bounds.net.version == 4 else ipaddress.IPv6Address
    barred = sorted(_barred(subnet, bounds))
    number = bounds.first + 1
    while number < bounds.last:
        end = max((last for first, last in barred if first <= number <= last), default=None)
        if end is not None:
            number = end + 1
            continue
        yield str(kind(number))
        number += 1


def _barred(subnet: Subnet, bounds: _Bounds) -> list[tuple[int, int]]:
    gateway = ((subnet.gateway, subnet.gateway),) if subnet.gateway else ()
    spans = _numbers((*subnet.reserved, *subnet.static, *gateway))
    return [(first, last) for version, first, last in spans if version == bounds.net.version]


def _within(spans: Spans, address: str) -> bool:
    own, number = _number(address)
    return any(version == own and first <= number <= last for version, first, last in _numbers(spans))


def manual_settings(subnet: Subnet, address: str, wanted: GroupNetwork) -> Document:
    """One network of create_vm's ``networks`` argument (CPI contract §3)."""
    net = _bounds(subnet.range).net
    settings: Document = {
        "type": "manual",
        "ip": address,
        "prefix": str(net.max_prefixlen),
        "netmask": str(net.netmask),
        "cloud_properties": subnet.cloud_properties,
        **_common(wanted),
    }
    if subnet.gateway:
        settings["gateway"] = subnet.gateway
    if subnet.dns:
        settings["dns"] = list(subnet.dns)
    return settings


def dynamic_settings(subnet: Subnet, wanted: GroupNetwork) -> Document:
    """A dynamic network of create_vm's ``networks`` argument."""
    settings: Document = {"type": "dynamic", "cloud_properties": subnet.cloud_properties, **_common(wanted)}
    if subnet.dns:
        settings["dns"] = list(subnet.dns)
    return settings


def vip_settings(subnet: Subnet, address: str) -> Document:
    """A vip network of create_vm's ``networks`` argument."""
    return {"type": "vip", "ip": address, "cloud_properties": subnet.cloud_properties}


def _common(wanted: GroupNetwork) -> Document:
    common: Document = {}
    if wanted.default:
        common["default"] = sorted(wanted.default)
    if wanted.nic_group:
        common["nic_group"] = wanted.nic_group
    return common
