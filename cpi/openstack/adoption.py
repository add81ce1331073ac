"""What was created under keys: one by one, or many with the same few lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cpi.contract import Kind
from cpi.openstack import disks, images, marks, ports, servers, snapshots, vms
from cpi.openstack.cloud import PAGE, Cloud
from cpi.openstack.marks import Mark
from cpi.openstack.refusals import told

FIND: Mapping[Kind, Callable[[Cloud, str], str | None]] = {
    "vm": vms.find,
    "disk": disks.find,
    "stemcell": images.find,
    "snapshot": snapshots.find,
}


def find(cloud: Cloud, kind: Kind, key: str) -> str | None:
    """What was created under a key."""
    return FIND[kind](cloud, key)


def find_all(cloud: Cloud, kind: Kind, keys: Sequence[str]) -> dict[str, str]:
    """CIDs by key. What is there, or comes within some seconds, is settled one by one, as `find` does."""
    missing = {Mark(kind, key).text: key for key in keys}
    found: dict[str, str] = {}
    for wait in marks.SOON if kind == "vm" else marks.SETTLE:
        if not missing:
            break
        time.sleep(min(wait, cloud.call.remaining()))
        with told(f"find what was made under {len(keys)} keys"):
            there = _marks_of(cloud, kind) & missing.keys()
        for text in there:
            key = missing.pop(text)
            cid = find(cloud, kind, key)
            if cid is not None:
                found[key] = cid
    return found


def _marks_of(cloud: Cloud, kind: Kind) -> set[str]:
    """The marks of all objects of a kind; of a VM also the ports that were made for it."""
    ahead = set[str]()
    match kind:
        case "vm":
            made = [server["metadata"] for server in servers.listed(cloud, {})]
            listed = cloud.neutron.pages(ports.PORTS, "ports", {"fields": ["id", "name"]})
            ahead = {str(port["name"]) for port in listed}
        case "disk" | "snapshot":
            name = "volumes" if kind == "disk" else "snapshots"
            made = [one["metadata"] for one in cloud.cinder.pages(f"/{name}/detail", name, {"limit": PAGE})]
        case "stemcell":
            made = cloud.glance.pages("/images", "images", {"limit": PAGE})
    return {str(one[marks.KEY]) for one in made if marks.KEY in one} | ahead
