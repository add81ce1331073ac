"""Network cards out of the networks argument: order, MAC, libvirt network."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from cpi.contract import CloudError, Json, Network


@dataclass(frozen=True, slots=True)
class Card:
    """One network card; `network` is libvirt's name, or `bridge` names a bridge of the host."""

    device: str
    mac: str
    network: str
    bridge: str = ""


def cards_of(networks: Mapping[str, Network], cid: str, default_network: str) -> dict[str, Card]:
    """Network name -> its card. Networks of one nic_group share a card; vip networks have none."""
    by_group: dict[str, Card] = {}
    cards: dict[str, Card] = {}
    for name, network in networks.items():
        if network.type == "vip":
            continue
        group = network.nic_group or f"\0{name}"
        if group not in by_group:
            by_group[group] = Card(
                device=f"eth{len(by_group)}",
                mac=mac_of(network.ip, f"{cid}/{name}"),
                network=_property(network, "network") or _property(network, "name") or default_network,
                bridge=_property(network, "bridge"),
            )
        cards[name] = by_group[group]
    if networks and not cards:
        raise CloudError("a VM needs a manual or dynamic network besides its vip networks")
    return cards


def settled(networks: Mapping[str, Network], cards: Mapping[str, Card]) -> dict[str, Json]:
    """The networks as given, with the MAC of each one's card."""
    return {
        name: {**network.raw, "mac": cards[name].mac} if name in cards else network.raw
        for name, network in networks.items()
    }


def mac_of(ip: str | None, otherwise: str) -> str:
    """A locally administered MAC that follows from the address: a recreated VM keeps it, so no neighbour holds a stale
    one. Without an IPv4 address it follows from `otherwise`."""
    try:
        address = ipaddress.ip_address(ip or "")
        octets = address.packed if address.version == 4 else hashlib.sha256(address.packed).digest()[:4]
    except ValueError:
        octets = hashlib.sha256(otherwise.encode()).digest()[:4]
    return ":".join(f"{octet:02x}" for octet in (0x52, 0x54, *octets))


def _property(network: Network, key: str) -> str:
    value = network.cloud_properties.get(key) or ""
    if not isinstance(value, str):
        raise CloudError(f"networks.{network.name}.cloud_properties.{key} must be a string, not {value!r}")
    return value
