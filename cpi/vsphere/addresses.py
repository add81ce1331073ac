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
        vms = (place.read(place.network(names[name]), "vm") or {}).get("vm") or []
        for values in place.read_all(vms, "name", "guest.ipAddress", "guest.net").values():
            seen = {values.get("guest.ipAddress")}
            seen |= {ip for card in values.get("guest.net") or [] for ip in card.ipAddress or []}
            if network.ip in seen:
                raise CloudError(
                    f"networks.{name}: address {network.ip} is in use by VM '{values.get('name')}' on network "
                    f"'{names[name]}'; free it, or set ensure_no_ip_conflicts to false",
                    facts=place.facts(),
                )
