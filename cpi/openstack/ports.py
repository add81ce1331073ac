"""Ports: one for each network card, made before the VM, so that its addresses are its own from the start."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cpi.contract import CloudError, Json, Network, NotSupported
from cpi.openstack import marks
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud
from cpi.openstack.config import Config
from cpi.openstack.marks import Mark
from cpi.openstack.properties import NetworkProperties, VmProperties
from cpi.openstack.refusals import CONFLICT, NOT_FOUND, Refused

PORTS = "/ports"


@dataclass(frozen=True, slots=True)
class Card:
    """What a port is to be. `networks` are the names of those that share it."""

    networks: tuple[str, ...]
    net_id: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    gateway: bool


def plan(networks: Mapping[str, Network], wanted: VmProperties, config: Config) -> list[Card]:
    """Cards in the order of the networks; nothing is asked of the cloud."""
    cards: dict[str, Card] = {}
    manual = 0
    for name, network in networks.items():
        if network.type == "vip":
            continue
        properties = NetworkProperties.parse(network)
        _whole_address(network)
        group = network.nic_group or f"\0{name}"
        groups = wanted.security_groups or properties.security_groups or config.security_groups
        address = (network.ip,) if network.type == "manual" and network.ip else ()
        gateway = "gateway" in network.default
        old = cards.get(group)
        if old is not None:
            if old.net_id != properties.net_id:
                raise CloudError(f"networks {', '.join(old.networks)} and {name} of nic_group '{network.nic_group}' share "
                                 "a card, so their net_id must be the same")  # fmt: skip
            card = Card((*old.networks, name), old.net_id, old.addresses + address, old.groups, old.gateway or gateway)
        else:
            card = Card((name,), properties.net_id, address, groups, gateway)
            manual += network.type == "manual"
        cards[group] = card
    if not cards:
        raise CloudError("a VM needs a manual or dynamic network (besides its vip networks)")
    if manual > 1 and (config.use_dhcp or not config.config_drive):
        raise CloudError("a VM with several manual networks needs the OpenStack properties use_dhcp: false and "
                         "config_drive: cdrom or disk: DHCP would give it several default routes")  # fmt: skip
    return list(cards.values())


def make(cloud: Cloud, card: Card, wanted: VmProperties, group_ids: Mapping[str, str], mark: Mark) -> Document:
    """The port of a card; an address that a dead port of nobody's holds is freed first."""
    body: dict[str, Any] = {
        "name": mark.text,
        "description": f"{mark.name}: {', '.join(card.networks)}"[:255],
        "network_id": card.net_id,
        "admin_state_up": True,
    }
    if card.addresses:
        body["fixed_ips"] = [{"ip_address": address} for address in card.addresses]
    if card.groups:
        body["security_groups"] = [group_ids[name] for name in card.groups]
    if wanted.address_pairs:
        body["allowed_address_pairs"] = [{"ip_address": pair} for pair in wanted.address_pairs]

    def send() -> Document:
        return cloud.neutron.post(PORTS, {"port": body})["port"]

    def look() -> Document | None:
        known = [one for one in named(cloud, mark.text) if one["network_id"] == card.net_id]
        return next((one for one in known if set(card.addresses) <= addresses_of(one)), None)

    try:
        return marks.create(cloud.call, mark, send, look, "create a port")
    except Refused as refused:
        if refused.status == NOT_FOUND:
            raise CloudError(f"network '{card.networks[0]}': net_id {card.net_id}: {refused}") from refused
        if refused.status != CONFLICT or not card.addresses or not _free(cloud, card):
            raise
    return marks.create(cloud.call, mark, send, look, "create a port")


def named(cloud: Cloud, name: str) -> list[Document]:
    """All ports of this name."""
    return cloud.neutron.pages(PORTS, "ports", {"name": name})


def of_vm(cloud: Cloud, cid: str) -> list[Document]:
    """Ports that a VM has now."""
    return cloud.neutron.pages(PORTS, "ports", {"device_id": cid})


def remove(cloud: Cloud, found: list[Document]) -> None:
    """Delete them."""
    for port in found:
        cloud.neutron.delete(f"{PORTS}/{port['id']}")


def addresses_of(port: Document) -> set[str]:
    """A port's fixed addresses."""
    return {str(one["ip_address"]) for one in port["fixed_ips"]}


def settled(networks: Mapping[str, Network], made: Mapping[str, Document]) -> dict[str, Json]:
    """The networks as given, with each one's MAC and, where neutron chose it, its address."""
    answer: dict[str, Json] = {}
    for name, network in networks.items():
        entry = dict(network.raw)
        port = made.get(name)
        if port is not None:
            entry["mac"] = port["mac_address"]
            if network.type == "dynamic" and port["fixed_ips"]:
                entry["ip"] = port["fixed_ips"][0]["ip_address"]
        answer[name] = entry
    return answer


def _free(cloud: Cloud, card: Card) -> bool:
    """Delete ports that hold the address and belong to no device: what a broken creation left."""
    freed = False
    for address in card.addresses:
        holders = cloud.neutron.pages(PORTS, "ports", {"network_id": card.net_id, "fixed_ips": f"ip_address={address}"})
        for port in holders:
            if port["status"] == "DOWN" and not port["device_id"] and not port["device_owner"]:
                cloud.call.log(f"port {port['id']} holds {address} and is nobody's: it is removed")
                cloud.neutron.delete(f"{PORTS}/{port['id']}")
                freed = True
    return freed


def _whole_address(network: Network) -> None:
    if network.ip is None or network.prefix is None:
        return
    if network.prefix not in ("32", "128") or (network.prefix == "32") != (
        ipaddress.ip_address(network.ip).version == 4
    ):
        raise NotSupported(f"network '{network.name}': prefix /{network.prefix}: OpenStack ports have single addresses; "
                           "give a range of addresses to a VM by allowed_address_pairs")  # fmt: skip
