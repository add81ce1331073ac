"""What was made under many keys: vCenter is asked once for what there is, and then only of what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyVmomi import vim

from cpi.contract import Kind
from cpi.vsphere import disks, files, reads, snapshots, stemcells, stores, tasks, vms
from cpi.vsphere.inventory import Place
from cpi.vsphere.names import cid_of, instance_uuid

BEGINS: dict[Kind, str] = {"vm": "vm", "disk": "disk", "snapshot": "snapshot", "stemcell": "sc"}
Finder = Callable[[Place, str], str | None]


def find(place: Place, kind: Kind, key: str) -> str | None:
    """CID of what was made under a key. A disk whose type names it is not found by one: its name is its CID."""
    finders: dict[Kind, Finder] = {
        "vm": vms.find,
        "disk": disks.settled,
        "stemcell": stemcells.find,
        "snapshot": snapshots.settled,
    }
    return finders[kind](place, cid_of(BEGINS[kind], key))


def find_all(place: Place, kind: Kind, keys: Sequence[str]) -> dict[str, str]:
    """CIDs by key; VMs and stemcells that are there are looked at one by one, as `find` does."""
    if not keys:
        return {}
    tasks.settle(place.session, place.call)
    there = _there(place, kind)
    cids = {key: cid for key in keys if {cid := cid_of(BEGINS[kind], key), instance_uuid(cid)} & there}
    if kind in ("disk", "snapshot"):
        return cids
    return {key: cid for key, cid in cids.items() if find(place, kind, key) is not None}


def _there(place: Place, kind: Kind) -> set[str]:
    if kind in ("disk", "snapshot"):
        folder = disks.folder_of(place) if kind == "disk" else snapshots.folder_of(place)
        known = (store for store in stores.of_datacenter(place) if store.usable)
        return {name for store in known for name in files.disks_in(place, store, folder)}
    root = place.vm_folder() if kind == "vm" else place.template_folder()
    found = reads.below(place.session, place.call, root, vim.VirtualMachine, ("name", "config.instanceUuid"))
    return {str(value) for _, values in found for value in values.values()}
