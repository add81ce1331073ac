"""delete_arp_entries: forget the hardware addresses of VMs that were recreated."""

from __future__ import annotations

import ipaddress

from agent.action import Action
from agent.errors import ArgumentError
from agent.shapes import Json, array_or_empty
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: {"ips": [..]}."""
    addresses = [str(address) for address in array_or_empty(call.object(0, "request").get("ips"))]
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ArgumentError(f"delete_arp_entries: {address!r:.60} is not an address") from None
    vm.platform.forget_neighbours(addresses)
    return {}


ACTION = Action(run)
