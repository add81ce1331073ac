"""The end of a VM: power off, disks kept, rules left, files gone."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from cpi.vsphere import devices, disks, files, records, rules, tasks
from cpi.vsphere.agent_settings import ISO
from cpi.vsphere.inventory import Place

JOINED = "meristem.joined"
"""Extra configuration of a VM that is under rules of its cluster."""


def remove(place: Place, vm: Any, cid: str) -> None:
    """Remove it; what is gone already is passed over."""
    values = place.read(vm, "runtime.powerState", "config.hardware.device", "config.files.vmPathName")
    if values is None:
        return
    if values.get("runtime.powerState") != "poweredOff":
        _run(place, f"power off VM '{cid}'", vm.PowerOffVM_Task, "InvalidPowerState")
    kept = [device for _, device in disks.persistent(place, list(values.get("config.hardware.device") or []))]
    if kept:
        spec = vim.vm.ConfigSpec(deviceChange=[devices.removed(device) for device in kept])
        _run(place, f"detach the disks of VM '{cid}'", lambda: vm.ReconfigVM_Task(spec))
    if JOINED in (records.of(place, vm) or {}):
        rules.leave(place, vm)
    _run(place, f"delete VM '{cid}'", vm.Destroy_Task)
    folder = str(values.get("config.files.vmPathName") or "").rpartition("/")[0]
    if folder:
        files.remove(place, f"{folder}/{ISO}")
        files.remove(place, folder)


def _run(place: Place, what: str, begin: Any, *passed: str) -> None:
    try:
        tasks.run(place.session, place.call, what, lambda _: begin())
    except tasks.TaskFailed as failed:
        if not failed.of("ManagedObjectNotFound", *passed):
            raise failed.error from failed
