"""What the CPI writes on a VM, in its extra configuration: whose it is, and whether it is finished."""

from __future__ import annotations

from typing import Any

from cpi.vsphere.inventory import Place

KEY, AGENT, STATE, CID = "meristem.key", "meristem.agent_id", "meristem.state", "meristem.cid"
READY = "ready"


def marks(key: str, agent_id: str, cid: str) -> dict[str, str]:
    """Marks of a thing that is being made."""
    return {KEY: key, AGENT: agent_id, CID: cid}


def of(place: Place, vm: Any) -> dict[str, str] | None:
    """All extra configuration of a VM, None if the VM is gone."""
    values = place.read(vm, "config.extraConfig")
    if values is None:
        return None
    return {str(one.key): str(one.value) for one in values.get("config.extraConfig") or []}
