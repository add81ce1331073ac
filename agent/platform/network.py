"""Network of a VM, with ``ip``: addresses by MAC, routes, the resolver."""

from __future__ import annotations

import ipaddress
import json
import logging
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import AgentError, SettingsError
from agent.process.command import available, command
from agent.settings.model import Settings, is_dhcp
from agent.shapes import Json, array_or_empty, object_or_empty, string_or_empty

log = logging.getLogger(__name__)


def configure(settings: Settings) -> None:
    """Bring all networks of the settings up. Repeatable; SettingsError names the network that cannot be."""
    command(["ip", "link", "set", "lo", "up"], check=False)
    real = {name: net for name, net in settings.networks.items() if net.get("type") != "vip"}
    for name, net in real.items():
        if net.get("preconfigured"):
            continue
        device = interface_of(name, net, alone=len(real) == 1)
        if is_dhcp(net):
            _lease(device)
        else:
            _static(name, device, net)


def interface_of(name: str, net: Json, *, alone: bool) -> str:
    """The interface with the network's MAC; eth0 or the only one where no MAC is given."""
    present = _interfaces()
    mac = string_or_empty(net.get("mac")).lower()
    for device, address in present.items():
        if mac and address == mac:
            return device
    if not mac or alone:
        if "eth0" in present and alone:
            return "eth0"
        if alone and len(present) == 1:
            return next(iter(present))
    raise SettingsError(
        f"settings: networks.{name}: no interface has MAC {mac or '(none given)'}; present: "
        + (", ".join(f"{device} {address}" for device, address in present.items()) or "none")
    )


def _interfaces() -> dict[str, str]:
    """Ethernet interfaces and their MACs. From ``ip``: a container's /sys may show another network namespace."""
    listed: Any = json.loads(command(["ip", "-j", "link", "show"]).stdout or "[]")
    links = [object_or_empty(link) for link in array_or_empty(listed)]
    found = {str(link["ifname"]): str(link["address"]).lower() for link in links if link.get("link_type") == "ether"}
    return dict(sorted(found.items()))


def prefix_of(name: str, net: Json) -> int:
    """The prefix length of the interface: from ``netmask``; ``prefix`` is how many addresses the VM was given, and counts only without one."""
    if net.get("prefix") and not net.get("netmask"):
        return int(str(net["prefix"]))
    try:
        bits = bin(int(ipaddress.ip_address(str(net["netmask"]))))[2:]
        if "01" in bits:
            raise ValueError
        return bits.count("1")
    except ValueError:
        raise SettingsError(f"settings: networks.{name}.netmask: {net.get('netmask')!r} is not a netmask") from None


def _static(name: str, device: str, net: Json) -> None:
    address = f"{net['ip']}/{prefix_of(name, net)}"
    command(["ip", "link", "set", "dev", device, "up"])
    addresses, version = _addresses(device), ipaddress.ip_address(str(net["ip"])).version
    held = {f"{entry['local']}/{entry['prefixlen']}" for entry in addresses}
    for entry in addresses:
        other = f"{entry['local']}/{entry['prefixlen']}"
        local = entry.get("scope") == "link"
        if other != address and not local and ipaddress.ip_address(entry["local"]).version == version:
            command(["ip", "addr", "del", other, "dev", device], check=False)
    if address not in held:
        command(["ip", "addr", "add", address, "dev", device, *(["brd", "+"] if version == 4 else [])])
    if net.get("gateway") and ("gateway" in array_or_empty(net.get("default")) or not net.get("default")):
        command(["ip", f"-{version}", "route", "replace", "default", "via", str(net["gateway"]), "dev", device])
    for route in map(object_or_empty, array_or_empty(net.get("routes"))):
        target = ipaddress.ip_network(f"{route['Destination']}/{route['Netmask']}", strict=False)
        via = str(route.get("Gateway") or net.get("gateway"))
        command(["ip", "route", "replace", str(target), "via", via, "dev", device])
    if available("arping") and version == 4:
        command(["arping", "-U", "-c", "1", "-w", "1", "-I", device, str(net["ip"])], check=False)


def _lease(device: str) -> None:
    command(["ip", "link", "set", "dev", device, "up"])
    if any(entry.get("scope") == "global" for entry in _addresses(device)):
        return
    for client in (["dhclient", "-1", device], ["udhcpc", "-n", "-i", device], ["dhcpcd", "-w", device]):
        if available(client[0]):
            command(client, timeout=120)
            return
    raise AgentError(f"{device} needs DHCP, but none of dhclient, udhcpc and dhcpcd is installed in this stemcell")


def _addresses(device: str) -> list[Json]:
    found: Any = json.loads(command(["ip", "-j", "addr", "show", "dev", device]).stdout or "[]")
    return [object_or_empty(item) for entry in array_or_empty(found) for item in array_or_empty(entry.get("addr_info"))]


def present_address(net: Json) -> Json:
    """What a dynamic network was given: ip, netmask, gateway; {} if its interface has no address."""
    try:
        device = interface_of("dynamic", net, alone=True)
    except SettingsError:
        return {}
    for entry in _addresses(device):
        if entry.get("scope") == "global" and entry.get("family") == "inet":
            mask = ipaddress.ip_network((0, int(entry["prefixlen"]))).netmask
            routes: Any = json.loads(command(["ip", "-j", "route", "show", "default", "dev", device]).stdout or "[]")
            gateway = next((str(route["gateway"]) for route in routes if route.get("gateway")), "")
            return {"ip": entry["local"], "netmask": str(mask), "gateway": gateway}
    return {}


def write_resolver(path: Path, servers: list[str]) -> None:
    """resolv.conf with ``servers``; left alone when there are none."""
    if not servers:
        return
    text = "".join(f"nameserver {server}\n" for server in servers)
    if durable.same_content(path, text.encode()) and not path.is_symlink():
        return
    if path.is_symlink():
        path.unlink()
    try:
        durable.write_text(path, text)
    except OSError:
        # A file that the container's host mounted there cannot be replaced, only rewritten.
        path.write_text(text)
