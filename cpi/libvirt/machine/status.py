"""How machines are: one question to libvirt for all of them, then the guest agent and the console's file of each."""

from __future__ import annotations

from collections.abc import Sequence

import libvirt

from cpi.contract import VmStatus
from cpi.libvirt.config import Config
from cpi.libvirt.connection import connect
from cpi.libvirt.errors import told
from cpi.libvirt.machine import inside, pools, record
from cpi.libvirt.machine.record import READY
from cpi.libvirt.status import POWERS


def of(config: Config, cids: Sequence[str], console: int) -> dict[str, VmStatus]:
    """By CID."""
    with told("look at VMs", config.uri):
        domains = {one.name(): one for one in connect(config.uri).listAllDomains(0)}
        return {cid: _of(config, domains.get(cid), cid, console) for cid in cids}


def _of(config: Config, found: libvirt.virDomain | None, cid: str, console: int) -> VmStatus:
    if found is None:
        return VmStatus(exists=False)
    try:
        known = record.read(found)
        if known is None:
            return VmStatus(exists=False)
        if known.state != READY:
            return VmStatus()  # it is being made, or going
        power = POWERS.get(int(found.state()[0]), "unknown")
        number = found.ID()
        addresses = inside.addresses(found) if power == "on" else ()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return VmStatus()
        raise
    boot = str(number) if number > 0 else ""
    return VmStatus(power=power, addresses=addresses, boot=boot, console=_console(config, cid, console))


def _console(config: Config, cid: str, size: int) -> str:
    place = pools.locate(config.uri, f"{cid}.console") if size else None
    return "" if place is None else pools.end_of(config.uri, place[1], size).decode(errors="replace")
