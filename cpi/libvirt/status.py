"""How VMs are: one question to libvirt for all of them, the rest is read from this host. No lock is waited for."""

from __future__ import annotations

from collections.abc import Sequence

import libvirt

from cpi.contract import VmStatus
from cpi.libvirt import console as consoles
from cpi.libvirt.config import Config
from cpi.libvirt.connection import connect
from cpi.libvirt.errors import told
from cpi.libvirt.guest import Guest
from cpi.libvirt.records import Shelf, text
from cpi.libvirt.vms import READY
from cpi.vm_status import Power

POWERS: dict[int, Power] = {
    libvirt.VIR_DOMAIN_RUNNING: "on",
    libvirt.VIR_DOMAIN_BLOCKED: "on",
    libvirt.VIR_DOMAIN_SHUTOFF: "off",
    libvirt.VIR_DOMAIN_CRASHED: "off",
}


def of(config: Config, guest: Guest, cids: Sequence[str], console: int) -> dict[str, VmStatus]:
    """By CID."""
    with told("look at VMs", config.uri):
        domains = {one.name(): one for one in connect(config.uri).listAllDomains(0)}
        return {cid: _of(config, guest, cid, domains.get(cid), console) for cid in cids}


def _of(config: Config, guest: Guest, cid: str, found: libvirt.virDomain | None, console: int) -> VmStatus:
    shelf = Shelf(config.state_dir, "vm")
    record = shelf.read(cid)
    if record is None and found is None:
        return VmStatus(exists=False)
    if record is None or found is None or text(record, "state") != READY:
        return VmStatus()  # it is being made, or going
    try:
        power, number = POWERS.get(int(found.state()[0]), "unknown"), found.ID()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return VmStatus()
        raise
    boot = number if number > 0 else record.get("domain_id")
    return VmStatus(
        power=power,
        addresses=guest.addresses(number) if power == "on" and number > 0 else (),
        boot=str(boot or ""),
        console=consoles.end(shelf.folder(cid), console) if console else "",
    )
