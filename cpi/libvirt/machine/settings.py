"""The files on a machine's config drive: the agent's settings, and what cloud-init reads of an OpenStack cloud."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import cast

from cpi.contract import Json
from cpi.libvirt import agent_settings
from cpi.libvirt.config import Config
from cpi.libvirt.domain import uuid_of
from cpi.libvirt.machine import config_drive
from cpi.libvirt.machine.xml import EPHEMERAL, EPHEMERAL_SERIAL
from cpi.libvirt.properties import VmProperties


def document(
    config: Config, agent_id: str, name: str, networks: Mapping[str, Json], env: Json, wanted: VmProperties
) -> dict[str, object]:
    """The agent's settings, with the disks that a machine has from the start."""
    ephemeral = {"id": EPHEMERAL_SERIAL, "path": f"/dev/{EPHEMERAL}"} if wanted.ephemeral_disk else None
    settings = agent_settings.settings_of(config, agent_id, name, networks, env)
    return {**settings, "disks": {"system": "/dev/vda", "ephemeral": ephemeral, "persistent": {}}}


def drive(settings: Mapping[str, object], name: str, networks: Mapping[str, Json], user_data: bytes) -> bytes:
    """The image. Agents read ec2/latest/user-data; openstack/latest is for cloud-init."""
    about = {"uuid": uuid_of(name), "name": name, "hostname": name, "instance-id": name}
    files = {
        "ec2/latest/user-data": json.dumps(settings).encode(),
        "ec2/latest/meta-data.json": json.dumps({"instance-id": name}).encode(),
        "openstack/latest/meta_data.json": json.dumps(about).encode(),
        "openstack/latest/network_data.json": json.dumps(_network_data(networks)).encode(),
    }
    if user_data:
        files["openstack/latest/user_data"] = user_data
    return config_drive.image(files)


def _network_data(networks: Mapping[str, Json]) -> dict[str, object]:
    """Links, networks and services in OpenStack's words."""
    links: dict[str, dict[str, object]] = {}
    entries: list[dict[str, object]] = []
    servers: list[str] = []
    for name, network in networks.items():
        mac = network.get("mac")
        if not isinstance(mac, str):
            continue
        link = links.setdefault(mac, {"id": f"link{len(links)}", "type": "phy", "ethernet_mac_address": mac})
        entry: dict[str, object] = {"id": name, "network_id": name, "link": link["id"]}
        if network.get("type") == "dynamic" or not network.get("ip"):
            entries.append({**entry, "type": "ipv4_dhcp"})
            continue
        address = ipaddress.ip_address(str(network["ip"]))
        entry |= {"type": f"ipv{address.version}", "ip_address": str(address), "netmask": _netmask(network)}
        default = cast("Sequence[object]", network.get("default") or ["gateway"])
        if network.get("gateway") and "gateway" in default:
            entry["gateway"] = network["gateway"]
        entries.append(entry)
        servers += [str(one) for one in cast("Sequence[object]", network.get("dns") or [])]
    services = [{"type": "dns", "address": server} for server in dict.fromkeys(servers)]
    return {"links": list(links.values()), "networks": entries, "services": services}


def _netmask(network: Json) -> str:
    if network.get("netmask"):
        return str(network["netmask"])
    return str(ipaddress.ip_interface(f"{network['ip']}/{network.get('prefix') or 24}").netmask)
