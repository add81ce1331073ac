"""How VMs are: one question for all of them. Nothing is waited for."""

from __future__ import annotations

from collections.abc import Sequence

from pyVmomi import vim

from cpi.contract import VmStatus
from cpi.vm_status import Power
from cpi.vsphere import reads, records
from cpi.vsphere.inventory import Place
from cpi.vsphere.names import instance_uuid

PATHS = (
    "name", "config.instanceUuid", "runtime.powerState", "summary.runtime.bootTime", "runtime.connectionState", "guest.ipAddress",
    "guest.net",
)  # fmt: skip
POWERS: dict[str, Power] = {"poweredOn": "on", "poweredOff": "off"}


def of(place: Place, cids: Sequence[str]) -> dict[str, VmStatus]:
    """By CID. Of a VM in the making nothing is told but that it is there."""
    found = reads.below(place.session, place.call, place.vm_folder(), vim.VirtualMachine, PATHS)
    by_name = {str(values.get("name")): values for _, values in found}
    by_uuid = {str(values.get("config.instanceUuid")): values for _, values in found}
    known = {cid: by_name.get(cid) or by_uuid.get(instance_uuid(cid)) for cid in cids}
    off = [
        vm for vm, values in found if str(values.get("runtime.powerState")) == "poweredOff" and values in known.values()
    ]
    marks = place.read_all(off, "config.extraConfig")
    making = [values for vm, values in found if vm in off and not _finished(marks.get(vm._moId, {}))]
    return {
        cid: VmStatus(exists=False) if values is None else VmStatus() if values in making else _of(values)
        for cid, values in known.items()
    }


def _finished(values: reads.Values) -> bool:
    options = values.get("config.extraConfig") or []
    return any(one.key == records.STATE and one.value == records.READY for one in options)


def _of(values: reads.Values) -> VmStatus:
    if values.get("runtime.connectionState", "connected") != "connected":
        return VmStatus(detail=f"its host is {values['runtime.connectionState']}")
    boot = values.get("summary.runtime.bootTime")
    seen = [str(values["guest.ipAddress"])] if values.get("guest.ipAddress") else []
    seen += [str(ip) for card in values.get("guest.net") or [] for ip in card.ipAddress or []]
    return VmStatus(
        power=POWERS.get(str(values.get("runtime.powerState")), "unknown"),
        addresses=tuple(dict.fromkeys(seen)) if seen else None,
        boot=str(boot or ""),
    )
