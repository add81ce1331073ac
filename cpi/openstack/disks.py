"""Persistent disks: volumes of cinder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpi.contract import (
    CloudError,
    DiskHint,
    DiskNotAttached,
    DiskNotFound,
    Facts,
    Json,
    NotSupported,
    VMNotFound,
)
from cpi.openstack import marks
from cpi.openstack.batch import Document
from cpi.openstack.cleanup import undone
from cpi.openstack.cloud import Cloud
from cpi.openstack.marks import Mark
from cpi.openstack.properties import volume_type_of
from cpi.openstack.refusals import AnswerLost, Refused, told

MIB = 1024
RESTING = frozenset({"available", "in-use", "error", "error_deleting", "error_extending", "error_restoring"})


def create(cloud: Cloud, size: int, properties: Json, vm_cid: str | None) -> str:
    """Make a disk of `size` MiB, rounded up to GiB, in the zone of the VM given."""
    kind, mark = volume_type_of(properties, cloud.config), Mark("disk", cloud.call.key)
    with told(f"create disk '{mark.name}'"):
        present = _of_mark(cloud, mark)
        if present is not None:
            settled = _rested(cloud, str(present["id"]))
            if settled is not None and settled["status"] in ("available", "in-use"):
                return str(present["id"])
            _remove(cloud, str(present["id"]))
        body: dict[str, Any] = {
            "name": mark.name,
            "size": gib_of(size),
            "metadata": marks.metadata_of(cloud.call, mark),
        }
        if kind:
            body["volume_type"] = kind
        if vm_cid and not cloud.config.ignore_server_zone:
            body["availability_zone"] = _zone_of(cloud, vm_cid)
        volume = marks.create(
            cloud.call,
            mark,
            lambda: cloud.cinder.post("/volumes", {"volume": body})["volume"],
            lambda: _of_mark(cloud, mark),
            "create the volume",
        )
        cid = str(volume["id"])
        with undone(f"create disk '{mark.name}'", f"volume {cid}", lambda: _remove(cloud, cid)):
            now = cloud.await_volume(cid, lambda found: found is None or found["status"] in ("available", "error"))
            if now is None or now["status"] == "error":
                raise CloudError(f"volume {cid} cannot be made: cinder at {cloud.cinder.where()} leaves it "
                                 f"{now['status'] if now else 'gone'}; see cinder's log",
                                 facts=Facts(endpoint=cloud.cinder.where()))  # fmt: skip
        if mark.doubtful:
            _only(cloud, mark, cid)
        return cid


def delete(cloud: Cloud, cid: str) -> None:
    """Remove it and wait until it is gone."""
    with told(f"delete disk '{cid}'", DiskNotFound):
        now = _rested(cloud, cid)
        if now is None:
            return
        if now["status"] == "in-use":
            raise CloudError(f"disk '{cid}' is attached to VM {_holder(now) or '(unknown)'}; detach it first")
        _remove(cloud, cid)


def exists(cloud: Cloud, cid: str) -> bool:
    """Whether there is such a volume."""
    with told(f"look for disk '{cid}'"):
        return cloud.cinder.find(f"/volumes/{cid}") is not None


def attach(cloud: Cloud, vm_cid: str, cid: str) -> DiskHint:
    """Attach it; the hint has the volume's id, which the guest sees as serial number, and nova's device name."""
    with told(f"attach disk '{cid}' to VM '{vm_cid}'"):
        volume = _rested(cloud, cid)
        if volume is None:
            raise DiskNotFound(f"disk '{cid}' does not exist")
        if cloud.nova.find(f"/servers/{vm_cid}") is None:
            raise VMNotFound(f"VM '{vm_cid}' does not exist")
        holder = _holder(volume)
        if volume["status"] == "in-use" and holder and holder != vm_cid:
            raise CloudError(f"disk '{cid}' is attached to VM '{holder}', not to '{vm_cid}'; detach it there first")
        if _attachment(cloud, vm_cid, cid) is None:
            body = {"volumeAttachment": {"volumeId": cid}}
            try:
                cloud.nova.post(f"/servers/{vm_cid}/os-volume_attachments", body)
            except AnswerLost as lost:
                found = marks.settled(cloud.call, lambda: _attachment(cloud, vm_cid, cid))
                if found is None:
                    raise lost from None
            except Refused as refused:
                if refused.status == 404 and exists(cloud, cid):
                    raise VMNotFound(f"VM '{vm_cid}' went while disk '{cid}' came to it") from refused
                raise
        now = cloud.await_volume(cid, lambda found: _attached_or_failed(cid, vm_cid, found))
        assert now is not None
        made = _attachment(cloud, vm_cid, cid) or {}
        path = str(made.get("device") or "")
        return DiskHint({"id": cid, **({"path": path} if path else {})})


def detach(cloud: Cloud, vm_cid: str, cid: str) -> None:
    """Detach it and wait until cinder has it back."""
    with told(f"detach disk '{cid}' from VM '{vm_cid}'"):
        if cloud.cinder.find(f"/volumes/{cid}") is None:
            raise DiskNotFound(f"disk '{cid}' does not exist")
        if cloud.nova.find(f"/servers/{vm_cid}") is None:
            raise VMNotFound(f"VM '{vm_cid}' does not exist")
        if _attachment(cloud, vm_cid, cid) is None:
            raise DiskNotAttached(f"disk '{cid}' is not attached to VM '{vm_cid}'")
        try:
            cloud.nova.delete(f"/servers/{vm_cid}/os-volume_attachments/{cid}")
        except Refused as refused:
            if not _is_leaving(cloud, cid, refused):
                raise
        cloud.await_volume(cid, lambda now: _detached_or_failed(cid, vm_cid, now))


def resize(cloud: Cloud, cid: str, size: int) -> None:
    """Grow it, attached or not."""
    with told(f"resize disk '{cid}'", DiskNotFound):
        now = _needed(cloud, cid)
        wanted = gib_of(size)
        if wanted < now["size"]:
            raise NotSupported(f"disk '{cid}' has {now['size']} GiB and cannot shrink to {wanted}")
        if wanted == now["size"]:
            return
        try:
            cloud.cinder.post(f"/volumes/{cid}/action", {"os-extend": {"new_size": wanted}})
        except AnswerLost as lost:
            cloud.call.log(f"{lost}; waiting for the new size")
        grown = cloud.await_volume(cid, lambda found: _grown(found, wanted))
        if grown is None or grown["size"] < wanted:
            raise CloudError(f"disk '{cid}' did not grow to {wanted} GiB: it is {grown['status'] if grown else 'gone'}",
                             facts=Facts(endpoint=cloud.cinder.where()))  # fmt: skip


def update(cloud: Cloud, cid: str, size: int, properties: Json) -> None:
    """Another size or type; the volume stays the same."""
    kind = volume_type_of(properties, cloud.config)
    with told(f"update disk '{cid}'", DiskNotFound):
        now = _needed(cloud, cid)
        if gib_of(size) < now["size"]:
            raise NotSupported(f"disk '{cid}' has {now['size']} GiB and cannot shrink to {gib_of(size)}")
        if kind and kind != now["volume_type"]:
            body = {"os-retype": {"new_type": kind, "migration_policy": "on-demand"}}
            try:
                cloud.cinder.post(f"/volumes/{cid}/action", body)
            except AnswerLost as lost:
                cloud.call.log(f"{lost}; waiting for the new type")
            now = cloud.await_volume(cid, lambda found: found is None or found["status"] in RESTING)
            if now is None or now["volume_type"] != kind:
                raise NotSupported(f"disk '{cid}' cannot change its type to {kind}; cinder leaves it as it was")
    resize(cloud, cid, size)


def set_metadata(cloud: Cloud, cid: str, tags: Mapping[str, str]) -> None:
    """Tags as the volume's metadata."""
    with told(f"set metadata of disk '{cid}'", DiskNotFound):
        body = {"metadata": marks.clean(dict(tags))}
        try:
            cloud.cinder.post(f"/volumes/{cid}/metadata", body)
        except AnswerLost:
            cloud.cinder.post(f"/volumes/{cid}/metadata", body)


def attached_to(cloud: Cloud, vm_cid: str) -> list[str]:
    """Volumes that outlive the VM: a root disk that goes with it is none of them."""
    with told(f"disks of VM '{vm_cid}'", VMNotFound):
        found = cloud.nova.get(f"/servers/{vm_cid}/os-volume_attachments")["volumeAttachments"]
        return [str(one["volumeId"]) for one in found if not one.get("delete_on_termination")]


def find(cloud: Cloud, key: str) -> str | None:
    """The whole disk of this key; one that came to nothing is removed."""
    mark = Mark("disk", key)
    with told(f"find disk of key '{key}'"):
        found = marks.settled(cloud.call, lambda: _of_mark(cloud, mark))
        if found is None:
            return None
        cid = str(found["id"])
        now = cloud.await_volume(cid, lambda one: one is None or one["status"] in RESTING)
        _only(cloud, mark, cid)
        if now is not None and not now["status"].startswith("error"):
            return cid
        _remove(cloud, cid)
        return None


def gib_of(mib: int) -> int:
    """Whole GiB that hold so many MiB, at least 1."""
    return max(1, -(-mib // MIB))


def _remove(cloud: Cloud, cid: str) -> None:
    """Delete it and wait until it is gone."""
    if not cloud.cinder.delete(f"/volumes/{cid}"):
        return
    left = cloud.await_volume(cid, lambda found: found is None or found["status"].startswith("error_"))
    if left is not None:
        raise CloudError(f"disk '{cid}' cannot be deleted: cinder at {cloud.cinder.where()} leaves it {left['status']}; "
                         "see cinder's log", facts=Facts(endpoint=cloud.cinder.where()))  # fmt: skip


def _needed(cloud: Cloud, cid: str) -> Document:
    now = _rested(cloud, cid)
    if now is None:
        raise DiskNotFound(f"disk '{cid}' does not exist")
    return now


def _grown(found: Document | None, wanted: int) -> bool:
    if found is None or found["status"].startswith("error"):
        return True
    return found["status"] in RESTING and found["size"] >= wanted


def _rested(cloud: Cloud, cid: str) -> Document | None:
    """The volume once cinder is not at work on it."""
    now = cloud.cinder.find(f"/volumes/{cid}")
    if now is None or now["volume"]["status"] in RESTING:
        return now["volume"] if now else None
    return cloud.await_volume(cid, lambda found: found is None or found["status"] in RESTING)


def _of_mark(cloud: Cloud, mark: Mark) -> Document | None:
    found = [one for one in _all_of_mark(cloud, mark) if one["status"] != "deleting"]
    return marks.first([one for one in found if one["status"] != "error"]) or marks.first(found)


def _all_of_mark(cloud: Cloud, mark: Mark) -> list[Document]:
    return cloud.cinder.pages("/volumes/detail", "volumes", {"metadata": f"{{'{marks.KEY}': '{mark.text}'}}"})


def _only(cloud: Cloud, mark: Mark, cid: str) -> None:
    """Remove others of the mark: a request that was sent twice may have made two."""
    for other in _all_of_mark(cloud, mark):
        if other["id"] != cid and other["status"] != "deleting":
            cloud.call.log(f"volume {other['id']} was made besides '{cid}': it is removed")
            _remove(cloud, str(other["id"]))


def _attachment(cloud: Cloud, vm_cid: str, cid: str) -> Document | None:
    found = cloud.nova.find(f"/servers/{vm_cid}/os-volume_attachments/{cid}")
    return found["volumeAttachment"] if found else None


def _is_leaving(cloud: Cloud, cid: str, refused: Refused) -> bool:
    """Whether a second request was refused as the first is under way: nova says 409, or 400 with cinder's words, as far as it has come."""
    if refused.status != 400:
        return refused.status == 409
    now = cloud.cinder.find(f"/volumes/{cid}")
    return now is None or now["volume"]["status"] in ("detaching", "available")


def _holder(volume: Document) -> str:
    return next((str(one["server_id"]) for one in volume.get("attachments") or []), "")


def _zone_of(cloud: Cloud, vm_cid: str) -> str:
    found = cloud.nova.find(f"/servers/{vm_cid}")
    if found is None:
        raise VMNotFound(f"VM '{vm_cid}' does not exist")
    return str(found["server"]["OS-EXT-AZ:availability_zone"])


def _attached_or_failed(cid: str, vm_cid: str, now: Document | None) -> bool:
    if now is None:
        raise DiskNotFound(f"disk '{cid}' is gone")
    if now["status"] in ("available", "error", "error_attaching"):
        raise CloudError(
            f"disk '{cid}' did not come to VM '{vm_cid}': cinder has it {now['status']}; see nova-compute's log"
        )
    return now["status"] == "in-use" and _holder(now) == vm_cid


def _detached_or_failed(cid: str, vm_cid: str, now: Document | None) -> bool:
    if now is not None and now["status"].startswith("error"):
        raise CloudError(f"disk '{cid}' cannot leave VM '{vm_cid}': cinder has it {now['status']}")
    return (
        now is None or now["status"] == "available" or (now["status"] == "in-use" and _holder(now) not in ("", vm_cid))
    )
