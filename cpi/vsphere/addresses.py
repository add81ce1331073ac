"""Addresses in use: seen by the guest tools of the VMs on a network."""

from __future__ import annotations

from collections.abc import Mapping

from cpi.contract import CloudError, Network
from cpi.vsphere.inventory import Place


def check_free(place: Place, networks: Mapping[str, Network], names: Mapping[str, str]) -> None:
    """Refuse an address that another VM on its network uses (`ensure_no_ip_conflicts`)."""
    for name, network in networks.items():
        if network.type != "manual":
            continue
        users = place.session.ask(
            place.call, lambda content, ip=network.ip: content.searchIndex.FindAllByIp(place.dc, ip, True)
        )
        here = place.network(names[name])
        for values in place.read_all(users or [], "name", "network").values():
            if any(one._moId == here._moId for one in values.get("network") or []):
                raise CloudError(
                    f"networks.{name}: address {network.ip} is in use by VM '{values.get('name')}' on network "
                    f"'{names[name]}'; free it, or set ensure_no_ip_conflicts to false",
                    facts=place.facts(),
                )
