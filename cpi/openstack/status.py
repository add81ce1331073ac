"""How VMs are, with one list for many of them. Nothing is waited for."""

from __future__ import annotations

from collections.abc import Sequence

from cpi.contract import VmStatus
from cpi.openstack import servers
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud
from cpi.openstack.refusals import Refused, told
from cpi.vm_status import Power, end_of

STARTS = frozenset({"create", "start", "reboot", "rebuild", "resume", "unshelve"})
LINES_OF = 80
"""Characters that a console's line is taken to have; nova counts lines."""


def of(cloud: Cloud, cids: Sequence[str], console: int) -> dict[str, VmStatus]:
    """By CID. Addresses are not told: what neutron assigned says nothing of what is in use."""
    with told("look at VMs"):
        found = cloud.look_at_servers(cids)
        return {cid: _of(cloud, cid, found.get(cid), console) for cid in cids}


def _of(cloud: Cloud, cid: str, server: Document | None, console: int) -> VmStatus:
    if server is None or server["status"] in servers.GONE:
        return VmStatus(exists=False)
    status = str(server["status"])
    return VmStatus(
        power=_power(server),
        boot=_boot(cloud, cid) if status != "BUILD" else "",
        detail=f"ERROR: {servers.fault_of(server)}" if status == "ERROR" else "",
        console=_console(cloud, cid, console) if console and status != "BUILD" else "",
    )


def _power(server: Document) -> Power:
    if servers.is_moving(server):
        return "unknown"
    match server.get("OS-EXT-STS:power_state"):
        case 1:
            return "on"
        case 4 | 6:
            return "off"
        case _:
            return "unknown"


def _boot(cloud: Cloud, cid: str) -> str:
    """The latest of nova's actions that started the VM; launched_at stays the same when it restarts."""
    found = cloud.nova.find(f"/servers/{cid}/os-instance-actions")
    actions = found["instanceActions"] if found else []
    return max((str(one["start_time"]) for one in actions if one["action"] in STARTS), default="")


def _console(cloud: Cloud, cid: str, size: int) -> str:
    body = {"os-getConsoleOutput": {"length": max(10, size // LINES_OF)}}
    try:
        return end_of(str(cloud.nova.post(f"/servers/{cid}/action", body).get("output") or ""), size)
    except Refused as refused:
        if refused.status in (404, 409):  # it went, or has no host yet
            return ""
        raise
