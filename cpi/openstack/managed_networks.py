"""Managed networks: a network with one subnet, at a router where one is named."""

from __future__ import annotations

import ipaddress
from typing import Any

from cpi.contract import CloudError, Json, NetworkCreated, NetworkNotFound
from cpi.fields import Fields
from cpi.openstack import marks
from cpi.openstack.batch import Document
from cpi.openstack.cleanup import undone
from cpi.openstack.cloud import Cloud
from cpi.openstack.groups import is_uuid
from cpi.openstack.marks import Mark
from cpi.openstack.properties import MANAGED_NETWORK
from cpi.openstack.refusals import BAD, NOT_FOUND, Refused, told

NETWORKS, SUBNETS, ROUTERS = "/networks", "/subnets", "/routers"
DEFINITION = ("type", "cloud_properties", "range", "gateway", "netmask_bits", "name")


def create(cloud: Cloud, definition: Json) -> NetworkCreated:
    """Make it; nothing of it stays when that fails."""
    fields = Fields("network definition", definition, DEFINITION)
    properties = Fields("cloud_properties of the network", fields.section("cloud_properties"), MANAGED_NETWORK)
    fields.choice("type", "manual", ("manual",))
    subnet = _subnet(cloud, fields, properties)
    mark = Mark("network", cloud.call.key)
    name = fields.text("name") or mark.name
    with told(f"create network '{name}'"):
        router = _router(cloud, properties.text("router")) if properties.has("router") else ""
        body = {"network": {"name": name, "description": mark.key[:255]}}
        made = marks.create(
            cloud.call,
            mark,
            lambda: cloud.neutron.post(NETWORKS, body)["network"],
            lambda: marks.first(cloud.neutron.pages(NETWORKS, "networks", dict(body["network"]))),
            "create the network",
        )
        cid = str(made["id"])
        with undone(f"create network '{name}'", f"network {cid}", lambda: _remove(cloud, cid)):
            laid = marks.create(
                cloud.call,
                mark,
                lambda: cloud.neutron.post(SUBNETS, {"subnet": {**subnet, "name": name, "network_id": cid}})["subnet"],
                lambda: marks.first(cloud.neutron.pages(SUBNETS, "subnets", {"network_id": cid})),
                "create the subnet",
            )
            if router:
                _join(cloud, router, str(laid["id"]), cid)
        servants = cloud.neutron.pages("/ports", "ports", {"network_id": cid, "device_owner": "network:dhcp"})
        taken = sorted({str(one["ip_address"]) for port in servants for one in port["fixed_ips"]})
        addresses = {"range": laid["cidr"], "gateway": laid["gateway_ip"], "reserved": taken}
        return NetworkCreated(cid, addresses, {"net_id": cid})


def delete(cloud: Cloud, cid: str) -> None:
    """Remove it with its subnets and its place at a router; a port of a VM is in the way."""
    with told(f"delete network '{cid}'", NetworkNotFound):
        if cloud.neutron.find(f"{NETWORKS}/{cid}") is None:
            raise NetworkNotFound(f"network '{cid}' does not exist")
        _remove(cloud, cid)


def _remove(cloud: Cloud, cid: str) -> None:
    for port in _at_routers(cloud, cid):
        try:
            path = f"{ROUTERS}/{port['device_id']}/remove_router_interface"
            cloud.neutron.put(path, {"port_id": port["id"]})
        except Refused as refused:
            if refused.status != NOT_FOUND:  # a first request did it, and its answer was lost
                raise
    cloud.neutron.delete(f"{NETWORKS}/{cid}")


def _join(cloud: Cloud, router: str, subnet: str, cid: str) -> None:
    try:
        cloud.neutron.put(f"{ROUTERS}/{router}/add_router_interface", {"subnet_id": subnet})
    except Refused as refused:
        if refused.status != BAD or not any(port["device_id"] == router for port in _at_routers(cloud, cid)):
            raise
        cloud.call.log(f"router {router} has the network already: {refused.sentence}")


def _at_routers(cloud: Cloud, cid: str) -> list[Document]:
    listed = cloud.neutron.pages("/ports", "ports", {"network_id": cid})
    return [port for port in listed if str(port["device_owner"]).startswith("network:router_interface")]


def _subnet(cloud: Cloud, fields: Fields, properties: Fields) -> dict[str, Any]:
    cidr, gateway = fields.text("range"), fields.text("gateway")
    subnet: dict[str, Any] = {"enable_dhcp": cloud.config.use_dhcp, "dns_nameservers": list(properties.texts("dns"))}
    try:
        version = ipaddress.ip_network(cidr).version if cidr else 4
        if gateway and cidr and ipaddress.ip_address(gateway) not in ipaddress.ip_network(cidr):
            raise CloudError(f"network definition: gateway {gateway} does not lie in the range {cidr}")
    except ValueError as error:
        raise CloudError(f"network definition: range or gateway: {error}") from error
    subnet["ip_version"] = version
    if cidr:
        subnet["cidr"] = cidr
    elif properties.has("subnetpool") and fields.whole("netmask_bits"):
        subnet["subnetpool_id"] = properties.text("subnetpool")
        subnet["prefixlen"] = fields.whole("netmask_bits")
    else:
        raise CloudError("network definition: give a range; or netmask_bits, with subnetpool (its id) in the "
                         "cloud_properties, for neutron to choose one")  # fmt: skip
    if gateway:
        subnet["gateway_ip"] = gateway
    return subnet


def _router(cloud: Cloud, name: str) -> str:
    listed: list[Document] = cloud.neutron.pages(ROUTERS, "routers", {"id" if is_uuid(name) else "name": name})
    if len(listed) != 1:
        raise CloudError(
            f"cloud_properties of the network: router '{name}': neutron has {len(listed)} of this name or id"
        )
    return str(listed[0]["id"])
