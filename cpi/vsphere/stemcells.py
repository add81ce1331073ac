"""Stemcells: a VM with a snapshot for each datastore that VMs are cloned on. One with its snapshot is finished."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from pyVmomi import vim, vmodl

from cpi.contract import CloudError, StemcellNotFound
from cpi.vsphere import devices, ovf, reads, stores, tasks, transfer
from cpi.vsphere.errors import told
from cpi.vsphere.inventory import Place
from cpi.vsphere.locks import lock
from cpi.vsphere.records import marks
from cpi.vsphere.stores import Store

SNAPSHOT = "initial"
LEASE_WAIT, PROGRESS = 120.0, 10.0
SIZE_FACTOR = 4
"""A streamed disk is compressed: so many times its size must be free."""


def create(place: Place, cid: str, image_path: str) -> str:
    """Upload the image, or find the one of this CID."""
    with lock(place.config, place.call, "stemcell", cid), told(f"create stemcell '{cid}'", place.endpoint):
        if _finished(place, cid):
            return cid
        _remove(place, cid)
        with ovf.opened(image_path) as image:
            try:
                vm = _upload(place, cid, image)
                _finish(place, cid, vm, place.call.key or "")
            except tasks.TaskFailed as failed:
                _remove(place, cid)
                raise failed.error from failed
            except CloudError:
                _remove(place, cid)
                raise
        place.call.log(f"stemcell '{cid}' is uploaded")
        return cid


def delete(place: Place, cid: str) -> None:
    """Remove it from all datastores."""
    with lock(place.config, place.call, "stemcell", cid), told(f"delete stemcell '{cid}'", place.endpoint):
        _remove(place, cid)


def find(place: Place, cid: str) -> str | None:
    """The finished stemcell of this CID; an unfinished one, whose creator is dead, is removed."""
    with lock(place.config, place.call, "stemcell", cid), told(f"find stemcell '{cid}'", place.endpoint):
        tasks.settle(place.session, place.call)
        if _finished(place, cid):
            return cid
        _remove(place, cid)
        return None


def on_store(place: Place, cid: str, store: Store, pool: Any) -> tuple[Any, Any]:
    """The stemcell's VM and snapshot on a datastore; copied there when none is."""
    folder = place.template_folder()
    first = place.child(folder, cid)
    values = place.read(first, "datastore", "snapshot.currentSnapshot") if first is not None else None
    if first is None or not values or "snapshot.currentSnapshot" not in values:
        raise StemcellNotFound(
            f"stemcell '{cid}' does not exist in datacenter {place.config.datacenter.name}", facts=place.facts()
        )
    if any(one._moId == store.id for one in values.get("datastore") or []):
        return first, values["snapshot.currentSnapshot"]
    name = replica_name(cid, store)
    with lock(place.config, place.call, "stemcell", name):
        found = place.child(folder, name)
        values = place.read(found, "snapshot.currentSnapshot") if found is not None else None
        if found is not None and not values:
            tasks.settle(place.session, place.call)
            values = place.read(found, "snapshot.currentSnapshot")
        if found is not None and values:
            return found, values["snapshot.currentSnapshot"]
        if found is not None:
            _destroy(place, found)
        place.call.log(f"stemcell '{cid}' is copied to datastore {store.name}")
        where = vim.vm.RelocateSpec(datastore=store.ref, pool=pool)
        spec = vim.vm.CloneSpec(location=where, powerOn=False, template=False)
        made = tasks.run(
            place.session, place.call, f"copy stemcell '{cid}' to {store.name}",
            lambda _: first.CloneVM_Task(folder, name, spec),
        )  # fmt: skip
        return made, _snapshot(place, made)


def replica_name(cid: str, store: Store) -> str:
    """Name of the copy on a datastore."""
    return f"{cid}.{hashlib.sha256(store.id.encode()).hexdigest()[:8]}"


def _upload(place: Place, cid: str, image: ovf.Image) -> Any:
    pool, store = _spot(place, image)
    params = vim.OvfManager.CreateImportSpecParams(
        entityName=cid, diskProvisioning="thin", networkMapping=_mapping(place, image)
    )
    made = place.session.ask(
        place.call, lambda content: content.ovfManager.CreateImportSpec(image.descriptor, pool, store.ref, params)
    )
    if made.error:
        reasons = "; ".join(str(one.msg or type(one).__name__) for one in made.error)
        raise CloudError(f"vCenter does not take the image: {reasons}", facts=place.facts())
    devices.choose_controller(made.importSpec.configSpec, place.config.scsi)
    made.importSpec.configSpec.extraConfig = devices.options(marks(place.call.key or "", "", cid))
    place.call.check()
    folder = place.template_folder()
    lease = place.session.ask(
        place.call, lambda _: pool.ImportVApp(made.importSpec, folder, None), safe=False
    )  # fmt: skip
    try:
        info = _ready(place, lease)
        for item in made.fileItem:
            url = next((one.url for one in info.deviceUrl if one.importKey == item.deviceId), None)
            if url is None:
                raise CloudError(f"the lease names no address for {item.path}", facts=place.facts())
            source, size = image.disk(item.path)
            counted = ovf.Counted(source, _keep_alive(place, lease, size))
            transfer.put_stream(place, url, ovf.as_file(counted), size)
        place.session.ask(place.call, lambda _: lease.HttpNfcLeaseComplete(), safe=False)
    except BaseException:
        _abort(lease)
        raise
    return info.entity


def _spot(place: Place, image: ovf.Image) -> tuple[Any, Store]:
    from cpi.vsphere import placement  # placement knows disks, disks know stemcells' datastores

    size = SIZE_FACTOR * sum(member.size for member in image.members.values()) // stores.MIB
    clusters = place.config.datacenter.clusters
    spot = placement.spot(place, clusters, stores.vm_choice(place), 1, size, ())
    return spot.pool, spot.store


def _mapping(place: Place, image: ovf.Image) -> list[Any]:
    if not image.networks:
        return []
    known = reads.below(place.session, place.call, place.roots["networkFolder"], vim.Network, ["name"])
    usable = [one for one, values in known if "Uplinks" not in str(values.get("name"))]
    return [vim.OvfManager.NetworkMapping(name=name, network=usable[0]) for name in image.networks] if usable else []


def _ready(place: Place, lease: Any) -> Any:
    until = time.monotonic() + place.call.remaining(LEASE_WAIT)
    while True:
        values = place.read(lease, "state", "info", "error") or {}
        if values.get("state") == "ready":
            return values["info"]
        if values.get("state") in ("error", "done"):
            raise tasks.TaskFailed("import the image", place.session, values.get("error"))
        if time.monotonic() >= until:
            raise CloudError("vCenter did not make the lease for the upload ready", facts=place.facts())
        time.sleep(0.1)


def _keep_alive(place: Place, lease: Any, size: int) -> Any:
    last = [time.monotonic()]

    def tell(done: int) -> None:
        if time.monotonic() - last[0] >= PROGRESS:
            last[0] = time.monotonic()
            place.call.check()
            place.session.ask(place.call, lambda _: lease.HttpNfcLeaseProgress(min(99, 100 * done // max(1, size))))

    return tell


def _abort(lease: Any) -> None:
    try:
        lease.HttpNfcLeaseAbort(None)
    except (vmodl.MethodFault, OSError):  # it is aborted by vCenter when nobody tells of progress
        return


def _finish(place: Place, cid: str, vm: Any, key: str) -> None:
    values = place.read(vm, "config.hardware.device") or {}
    cards = [one for one in values.get("config.hardware.device") or [] if isinstance(one, vim.vm.device.VirtualEthernetCard)]  # fmt: skip
    changes = [devices.removed(card) for card in cards]
    spec = vim.vm.ConfigSpec(deviceChange=changes, extraConfig=devices.options(marks(key, "", cid)))
    tasks.run(place.session, place.call, f"settle stemcell '{cid}'", lambda _: vm.ReconfigVM_Task(spec))
    _snapshot(place, vm)


def _snapshot(place: Place, vm: Any) -> Any:
    result = tasks.run(
        place.session, place.call, "take the stemcell's snapshot",
        lambda _: vm.CreateSnapshot_Task(SNAPSHOT, None, False, False),
    )  # fmt: skip
    return result or (place.read(vm, "snapshot.currentSnapshot") or {})["snapshot.currentSnapshot"]


def _finished(place: Place, cid: str) -> bool:
    found = place.child(place.template_folder(), cid)
    return found is not None and bool(place.read(found, "snapshot.currentSnapshot"))


def _remove(place: Place, cid: str) -> None:
    folder = place.template_folder()
    children = (place.read(folder, "childEntity") or {}).get("childEntity") or []
    names = place.read_all([one for one in children if isinstance(one, vim.VirtualMachine)], "name")
    for child in sorted(children, key=lambda one: str(names.get(one._moId, {}).get("name")) == cid):
        name = str(names.get(child._moId, {}).get("name"))
        if name == cid or name.startswith(f"{cid}."):  # the first one goes last: it is what find looks for
            _destroy(place, child)


def _destroy(place: Place, vm: Any) -> None:
    try:
        tasks.run(place.session, place.call, "remove a stemcell", lambda _: vm.Destroy_Task())
    except tasks.TaskFailed as failed:
        if not failed.of("ManagedObjectNotFound"):
            raise failed.error from failed
