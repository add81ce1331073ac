"""A container whose first process libvirt has not heard of is started once more."""

from __future__ import annotations

import libvirt

from cpi.contract import Call
from cpi.libvirt import vms
from cpi.libvirt.container import Container
from cpi.libvirt.records import Shelf


class Deaf(Container):
    """Says of its first start that libvirt knows nothing."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def settled(self, started: libvirt.virDomain, seconds: float) -> bool:
        self.asked.append(started.ID())
        return len(self.asked) > 1 and super().settled(started, seconds)


async def test_it_is_started_once_more(vm, world) -> None:
    cid = await vm()
    connection = libvirt.open(world.lab.libvirt_uri)
    try:
        found = connection.lookupByName(cid)
        guest = Deaf()
        assert guest.settled(found, 5) is False
        assert guest.settled(found, 5) is True
        vms._cut_power(guest, found)
        assert Container().settled(found, 0.1) is False
        guest.asked.clear()
        told: list[str] = []
        call = Call("create_vm", log=told.append)
        vms._switch_on(guest, call, found, Shelf(world.state, "vm").folder(cid))
        assert len(set(guest.asked)) == 2
        assert found.ID() == guest.asked[-1]
        assert told == [f"libvirt has not heard of the first process of VM '{cid}': it is started once more"]
    finally:
        connection.close()
