"""Floating IPs of vip networks."""

from __future__ import annotations

from collections.abc import Mapping

from cpi.contract import CloudError, Network
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud

PATH = "/floatingips"


def known(cloud: Cloud, networks: Mapping[str, Network]) -> list[Document]:
    """The floating IPs that the vip networks name; all must have been allocated to the project before."""
    found: list[Document] = []
    for name, network in networks.items():
        if network.type != "vip":
            continue
        if network.cloud_properties:
            raise CloudError(f"cloud_properties of network '{name}': a vip network takes none, but has "
                             f"{', '.join(sorted(network.cloud_properties))}")  # fmt: skip
        listed = cloud.neutron.pages(PATH, "floatingips", {"floating_ip_address": network.ip})
        if not listed:
            raise CloudError(f"network '{name}': floating IP {network.ip} is not allocated to this project; allocate it "
                             f"first (neutron at {cloud.neutron.where()})")  # fmt: skip
        found.append(listed[0])
    return found


def point(cloud: Cloud, floating: list[Document], port: Document) -> None:
    """Lead them to a port, away from where they led."""
    for one in floating:
        if one.get("port_id") not in (None, port["id"]):
            cloud.call.log(f"floating IP {one['floating_ip_address']} leaves port {one['port_id']}")
        body = {"port_id": port["id"], "fixed_ip_address": port["fixed_ips"][0]["ip_address"]}
        cloud.neutron.put(f"{PATH}/{one['id']}", {"floatingip": body})
