"""The vSphere plugin: each call of the contract, handed to its room.

Every call can be begun anew at any point: where vCenter's answer was lost, it is."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cpi.contract import (
    Call,
    DiskHint,
    DiskNotAttached,
    Info,
    Json,
    Kind,
    Network,
    NotSupported,
    VmCreated,
    VmStatus,
    implements,
)
from cpi.vsphere import adoption, disks, snapshots, status, stemcells, vms
from cpi.vsphere.config import Config
from cpi.vsphere.errors import AnswerLost, told
from cpi.vsphere.inventory import Place, place
from cpi.vsphere.names import cid_of
from cpi.vsphere.session import NOT_FOUND, session
from cpi.vsphere.vm_properties import DiskWish

T = TypeVar("T")
FORMATS = ("vsphere-ovf", "vsphere-ova")
TRIES, PAUSE = 5, 0.5


@implements
def info() -> Info:
    """Formats of stemcells."""
    return Info(FORMATS)


@implements
def create_stemcell(call: Call, image_path: str) -> str:
    """See stemcells.create. Cloud properties and tags tell of the image; nothing is chosen by them."""
    cid = cid_of("sc", call.key)
    return _done(call, lambda there: stemcells.create(there, cid, image_path))


@implements
def delete_stemcell(call: Call, stemcell_cid: str) -> None:
    """See stemcells.delete."""
    _done(call, lambda there: stemcells.delete(there, stemcell_cid))


@implements
def create_vm(
    call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json, networks: Mapping[str, Network],
    disk_cids: Sequence[str], env: Json,
) -> VmCreated:  # fmt: skip
    """See vms.create."""
    cid = cid_of("vm", call.key)
    return _done(
        call,
        lambda there: vms.create(there, cid, agent_id, stemcell_cid, cloud_properties, networks, disk_cids, env),
    )


@implements
def delete_vm(call: Call, vm_cid: str) -> None:
    """See vms.delete."""
    _done(call, lambda there: vms.delete(there, vm_cid))


@implements
def has_vm(call: Call, vm_cid: str) -> bool:
    """See vms.exists."""
    return _done(call, lambda there: vms.exists(there, vm_cid))


@implements
def reboot_vm(call: Call, vm_cid: str) -> None:
    """See vms.reboot."""
    _done(call, lambda there: vms.reboot(there, vm_cid))


@implements
def configure_networks(vm_cid: str) -> None:
    """A VM keeps its networks for life."""
    raise NotSupported(f"the networks of VM '{vm_cid}' cannot be changed; recreate it")


@implements
def set_vm_metadata(call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
    """See vms.set_metadata."""
    _done(call, lambda there: vms.set_metadata(there, vm_cid, metadata))


@implements
def create_disk(call: Call, size: int, cloud_properties: Json, vm_cid: str | None) -> str:
    """See disks.create."""
    wish = DiskWish.parse(Config.parse(call.properties), cloud_properties)
    cid = wish.name or cid_of("disk", call.key)
    return _done(call, lambda there: disks.create(there, cid, size, wish, vm_cid))


@implements
def delete_disk(call: Call, disk_cid: str) -> None:
    """See disks.delete."""
    _done(call, lambda there: disks.delete(there, disk_cid))


@implements
def has_disk(call: Call, disk_cid: str) -> bool:
    """Whether a datastore has it."""
    return _done(call, lambda there: disks.find(there, disk_cid) is not None)


@implements
def attach_disk(call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """See disks.attach."""
    return _done(call, lambda there: disks.attach(there, vm_cid, disk_cid))


@implements
def detach_disk(call: Call, vm_cid: str, disk_cid: str) -> None:
    """See disks.detach."""
    begun = itertools.count()

    def detach(there: Place) -> None:
        again = next(begun) > 0
        try:
            disks.detach(there, vm_cid, disk_cid)
        except DiskNotAttached:
            if not again:  # the first try, whose answer was lost, has done it
                raise

    _done(call, detach)


@implements
def resize_disk(call: Call, disk_cid: str, size: int) -> None:
    """See disks.resize."""
    _done(call, lambda there: disks.resize(there, disk_cid, size))


@implements
def set_disk_metadata() -> None:
    """A disk of its own is a file: vCenter keeps no tags of it."""


@implements
def get_disks(call: Call, vm_cid: str) -> Sequence[str]:
    """See disks.attached_to."""
    return _done(call, lambda there: disks.attached_to(there, vm_cid))


@implements
def snapshot_disk(call: Call, disk_cid: str) -> str:
    """See snapshots.create."""
    cid = cid_of("snapshot", call.key)
    return _done(call, lambda there: snapshots.create(there, cid, disk_cid))


@implements
def delete_snapshot(call: Call, snapshot_cid: str) -> None:
    """See snapshots.delete."""
    _done(call, lambda there: snapshots.delete(there, snapshot_cid))


@implements
def calculate_vm_cloud_properties(requirements: Json) -> Json:
    """The director's words for sizes in this CPI's words."""
    words = {"cpu": "cpu", "ram": "ram", "ephemeral_disk_size": "disk"}
    return {words[key]: value for key, value in requirements.items() if key in words}


@implements
def find(call: Call, kind: Kind, key: str) -> str | None:
    """See adoption.find."""
    return _done(call, lambda there: adoption.find(there, kind, key))


@implements
def find_all(call: Call, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
    """See adoption.find_all."""
    return _done(call, lambda there: adoption.find_all(there, kind, keys))


@implements
def vm_status(call: Call, vm_cids: Sequence[str]) -> Mapping[str, VmStatus]:
    """See status.of."""
    return _done(call, lambda there: status.of(there, vm_cids))


def _done(call: Call, body: Callable[[Place], T]) -> T:
    """The body's result. It is begun anew when an answer was lost, or when something it knew by id has gone."""
    config = Config.parse(call.properties)
    for number in range(TRIES):
        last = number == TRIES - 1
        try:
            with told(call.method, config.endpoint):
                return body(place(call))
        except AnswerLost as lost:
            if last:
                raise
            call.log(f"{lost.message}; {call.method} begins anew")
        except Exception as error:
            gone = isinstance(error, NOT_FOUND) or isinstance(error.__cause__, NOT_FOUND)
            if last or not gone:
                raise
            session(config).known.clear()
        call.check()
        time.sleep(PAUSE * number)
    raise AssertionError("unreachable")
