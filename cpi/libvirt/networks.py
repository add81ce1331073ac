"""Network cards out of the networks argument: order, MAC, libvirt network."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from cpi.contract import CloudError, Json, Network
from cpi.libvirt.config import Config
from cpi.libvirt.properties import NetworkProperties, networks_of

sub = ElementTree.SubElement


@dataclass(frozen=True, slots=True)
class Card:
    """One network card and where it goes."""

    device: str
    mac: str
    place: NetworkProperties


def cards_of(networks: Mapping[str, Network], cid: str, config: Config) -> dict[str, Card]:
    """Network name -> its card. Networks of one nic_group share a card; vip networks have none."""
    by_group: dict[str, Card] = {}
    cards: dict[str, Card] = {}
    for name, place in networks_of(networks, config).items():
        network = networks[name]
        group = network.nic_group or f"\0{name}"
        if group not in by_group:
            by_group[group] = Card(f"eth{len(by_group)}", mac_of(network.ip, f"{cid}/{name}"), place)
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


def add_card(devices: ElementTree.Element, card: Card) -> ElementTree.Element:
    """The card's element of a domain's XML."""
    place = card.place
    interface = sub(devices, "interface", {"type": "bridge" if place.bridge else "network"})
    if place.bridge:
        sub(interface, "source", {"bridge": place.bridge})
    else:
        group = {"portgroup": place.portgroup} if place.portgroup else {}
        sub(interface, "source", {"network": place.network, **group})
    sub(interface, "mac", {"address": card.mac})
    if place.openvswitch:
        sub(interface, "virtualport", {"type": "openvswitch"})
    if place.vlan:
        sub(sub(interface, "vlan"), "tag", {"id": str(place.vlan)})
    return interface
