"""One clone of a stemcell: its place, its hardware, its marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from cpi.contract import CloudError
from cpi.vsphere import agent_settings, devices, placement, records, stemcells, stores, tasks
from cpi.vsphere.inventory import Place
from cpi.vsphere.names import instance_uuid
from cpi.vsphere.placement import Spot
from cpi.vsphere.removal import JOINED
from cpi.vsphere.vm_properties import VmWish

GIB = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is known of a VM before its place is. `apart` names rules that keep it from others."""

    cid: str
    name: str
    agent_id: str
    stemcell: str
    wish: VmWish
    cards: tuple[Any, ...]
    settings: bytes
    near: tuple[str, ...]
    apart: tuple[str, ...]


def clone(place: Place, plan: Plan) -> tuple[Any, Spot]:
    """Clone it, off: linked to the stemcell's snapshot, or full where its root disk shall have another size."""
    wish = plan.wish
    choice = wish.choice or stores.vm_choice(place)
    spot = placement.spot(place, wish.clusters, choice, wish.ram, wish.disk + wish.root_disk * 1024, plan.near)
    template, snapshot = stemcells.on_store(place, plan.stemcell, spot.store, spot.pool)
    found = list((place.read(template, "config.hardware.device") or {}).get("config.hardware.device") or [])
    where = vim.vm.RelocateSpec(datastore=spot.store.ref, pool=spot.pool, host=spot.host)
    where.diskMoveType = "moveAllDiskBackingsAndDisallowSharing" if wish.root_disk else "createNewChildDiskBacking"
    spec = vim.vm.CloneSpec(
        location=where, powerOn=False, template=False, snapshot=snapshot, config=_config(place, plan, spot, found)
    )
    folder, what = place.vm_folder(), f"clone VM '{plan.cid}'"
    try:
        made = tasks.run(place.session, place.call, what, lambda _: template.CloneVM_Task(folder, plan.name, spec))
    except tasks.TaskFailed as failed:
        raise failed.error from failed
    return made, spot


def changes_of(place: Place, wish: VmWish) -> list[Any]:
    """Devices that a VM gets once its hardware version is the wanted one."""
    return devices.passthroughs(wish.pci, wish.vgpus)


def _config(place: Place, plan: Plan, spot: Spot, found: list[Any]) -> Any:
    wish, controller = plan.wish, devices.controller(place, found)
    ephemeral = devices.disk(
        spot.store.ref, "", controller.key, agent_settings.EPHEMERAL_UNIT, wish.disk, "thin", persistent=False
    )
    ephemeral.backing.fileName = f"[{spot.store.name}]"
    changes = [*(devices.added(card) for card in plan.cards), devices.added(ephemeral, create=True)]
    changes += [devices.removed(one) for one in found if isinstance(one, vim.vm.device.VirtualEthernetCard)]
    if wish.root_disk:
        changes.append(_grown(place, devices.disks_of(found), wish.root_disk))
    ruled = bool(spot.cluster.separate or plan.apart or wish.vm_group or spot.cluster.host_group or wish.disable_drs)
    options = {
        **wish.vmx_options,
        "disk.enableUUID": wish.vmx_options.get("disk.enableUUID", "TRUE"),
        **records.marks(place.call.key or "", plan.agent_id, plan.cid),
        **agent_settings.guestinfo(plan.settings),
        **({JOINED: "TRUE"} if ruled else {}),
    }
    config = vim.vm.ConfigSpec(
        numCPUs=wish.cpu,
        memoryMB=wish.ram,
        instanceUuid=instance_uuid(plan.cid),
        cpuHotAddEnabled=wish.cpu_hot_add,
        memoryHotAddEnabled=wish.memory_hot_add,
        nestedHVEnabled=wish.nested,
        deviceChange=changes,
        extraConfig=devices.options(options),
    )
    if wish.lock_memory:
        config.memoryReservationLockedToMax = True
        config.memoryAllocation = vim.ResourceAllocationInfo(reservation=wish.ram)
    if wish.reserve_cpu:
        config.cpuAllocation = vim.ResourceAllocationInfo(reservation=wish.cpu * spot.mhz)
    return config


def _grown(place: Place, disks: list[Any], gigabytes: int) -> Any:
    if not disks:
        raise CloudError("the stemcell has no disk", facts=place.facts())
    root = disks[0]
    if root.capacityInKB * 1024 > gigabytes * GIB:
        raise CloudError(
            f"vsphere property root_disk_size_gb is {gigabytes}; the stemcell's disk has "
            f"{root.capacityInKB // 1024 // 1024} GiB already",
            facts=place.facts(),
        )
    root.capacityInKB, root.capacityInBytes = gigabytes * GIB // 1024, gigabytes * GIB
    return devices.edited(root)
