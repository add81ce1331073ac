"""Addresses and cards of a simulated VM."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping

from cpi.contract import CloudError, Json, Network
from cpi.sim.inventory import Books

DYNAMIC = ipaddress.IPv4Network("100.64.0.0/10")
"""Where the addresses of dynamic networks come from: space for carriers, which no deployment uses for manual ones."""


def settle(books: Books, networks: Mapping[str, Network], quota: int | None) -> dict[str, Json]:
    """The networks as given plus MAC and, for dynamic ones, an address. CloudError for one in use or over the quota."""
    wanted = [network.ip for network in networks.values() if network.type != "dynamic" and network.ip]
    for ip in wanted:
        owner = books.address_owner(ip)
        if owner is not None:
            raise CloudError(f"Address {ip} is in use by VM '{owner}'")
    if quota is not None and books.number_of_addresses() + len(networks) > quota:
        raise CloudError(f"Quota exceeded: {quota} addresses at most, {books.number_of_addresses()} are in use")
    return {name: _settled(books, name, network) for name, network in networks.items()}


def take(books: Books, vm: str, settled: Mapping[str, Json]) -> None:
    """Note the addresses as the VM's."""
    for network in settled.values():
        ip = network.get("ip")
        if isinstance(ip, str) and ip:
            books.take_address(ip, vm)


def _settled(books: Books, name: str, network: Network) -> Json:
    answer = dict(network.raw)
    if network.type == "vip":
        return answer
    if network.type == "dynamic":
        number = books.count("addresses") % (DYNAMIC.num_addresses - 2) + 1
        answer |= {"ip": str(DYNAMIC[number]), "netmask": str(DYNAMIC.netmask), "gateway": str(DYNAMIC[-2])}
    digest = hashlib.sha256(f"{name} {answer.get('ip')}".encode()).hexdigest()
    answer["mac"] = "02:" + ":".join(digest[place : place + 2] for place in range(0, 10, 2))
    return answer
