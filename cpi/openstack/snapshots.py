"""Snapshots of disks, attached or not."""

from __future__ import annotations

from collections.abc import Mapping

from cpi.contract import CloudError, DiskNotFound, Facts
from cpi.openstack import marks
from cpi.openstack.batch import Document
from cpi.openstack.cleanup import undone
from cpi.openstack.cloud import Cloud
from cpi.openstack.marks import Mark
from cpi.openstack.refusals import told

DONE = frozenset({"available", "error", "error_deleting"})


def create(cloud: Cloud, disk_cid: str, tags: Mapping[str, str]) -> str:
    """Copy the disk at one point in time; of one that is in use as if its power had been cut."""
    mark = Mark("snapshot", cloud.call.key)
    with told(f"snapshot disk '{disk_cid}'", DiskNotFound):
        present = _of_mark(cloud, mark)
        if present is not None and _settled(cloud, str(present["id"])):
            return str(present["id"])
        if cloud.cinder.find(f"/volumes/{disk_cid}") is None:
            raise DiskNotFound(f"disk '{disk_cid}' does not exist")
        body = {
            "snapshot": {
                "volume_id": disk_cid,
                "name": mark.name,
                "force": True,
                "description": " ".join(filter(None, (tags.get("deployment"), tags.get("job"), tags.get("index"))))[
                    :255
                ],
                "metadata": marks.metadata_of(cloud.call, mark, dict(tags)),
            }
        }
        made = marks.create(
            cloud.call,
            mark,
            lambda: cloud.cinder.post("/snapshots", body)["snapshot"],
            lambda: _of_mark(cloud, mark),
            "create the snapshot",
        )
        cid = str(made["id"])
        with undone(f"snapshot disk '{disk_cid}'", f"snapshot {cid}", lambda: cloud.cinder.delete(f"/snapshots/{cid}")):
            whole = _settled(cloud, cid)
        if not whole:
            raise CloudError(f"snapshot of disk '{disk_cid}' cannot be made: cinder at {cloud.cinder.where()} left it in error; "
                             "see cinder's log", facts=Facts(endpoint=cloud.cinder.where()))  # fmt: skip
        return cid


def delete(cloud: Cloud, cid: str) -> None:
    """Remove it and wait until it is gone."""
    with told(f"delete snapshot '{cid}'"):
        if not cloud.cinder.delete(f"/snapshots/{cid}"):
            return
        left = cloud.await_snapshot(cid, lambda found: found is None or found["status"].startswith("error"))
        if left is not None:
            raise CloudError(f"snapshot '{cid}' cannot be deleted: cinder leaves it {left['status']}; see cinder's log")


def find(cloud: Cloud, key: str) -> str | None:
    """The whole snapshot of this key; one that came to nothing is removed."""
    mark = Mark("snapshot", key)
    with told(f"find snapshot of key '{key}'"):
        found = marks.settled(cloud.call, lambda: _of_mark(cloud, mark))
        return str(found["id"]) if found is not None and _settled(cloud, str(found["id"])) else None


def _settled(cloud: Cloud, cid: str) -> bool:
    """Whether it becomes whole; one in error is removed."""
    now = cloud.await_snapshot(cid, lambda found: found is None or found["status"] in DONE)
    if now is not None and now["status"] != "available":
        delete(cloud, cid)
    return now is not None and now["status"] == "available"


def _of_mark(cloud: Cloud, mark: Mark) -> Document | None:
    wanted = {"metadata": f"{{'{marks.KEY}': '{mark.text}'}}"}
    listed = cloud.cinder.pages("/snapshots/detail", "snapshots", wanted)
    return marks.first([one for one in listed if one["status"] != "deleting"])
