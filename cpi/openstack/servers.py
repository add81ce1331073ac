"""Servers of nova: ordered, awaited, found by their mark, removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cpi.contract import CloudError, Facts, Json, VMCreationFailed
from cpi.openstack import marks
from cpi.openstack.batch import Document
from cpi.openstack.cloud import PAGE, Cloud
from cpi.openstack.flavors import SYSTEM
from cpi.openstack.marks import Mark
from cpi.openstack.properties import VmProperties
from cpi.openstack.refusals import Refused

GONE = frozenset({"DELETED", "SOFT_DELETED", "TERMINATED"})
NO_ROOM = ("no valid host", "not enough hosts", "insufficient", "exceeded maximum number of retries")


@dataclass(frozen=True, slots=True)
class Order:
    """A server to be. `ports` are ids in the order of the cards."""

    wanted: VmProperties
    image: Document
    flavor: Document
    ports: list[str]
    hints: Json
    user_data: str
    tags: dict[str, str]


def boot(cloud: Cloud, order: Order, mark: Mark) -> str:
    """Boot it, in the first of its zones that has room; the id of a server that runs."""
    zones = order.wanted.zones or ("",)
    for number, zone in enumerate(zones, 1):
        found = marks.create(
            cloud.call,
            mark,
            lambda zone=zone: _send(cloud, order, mark, zone),
            lambda: of_mark(cloud, mark),
            "boot the server",
        )
        cid = str(found["id"])
        now = cloud.await_server(cid, lambda now: now is None or now["status"] == "ERROR" or _is_up(now))
        if now is not None and now["status"] != "ERROR":
            if mark.doubtful:
                only(cloud, mark, cid)
            return cid
        fault = "it is gone" if now is None else fault_of(now)
        remove(cloud, cid)
        room = any(word in fault.lower() for word in NO_ROOM)
        if room and number < len(zones):
            cloud.call.log(f"zone {zone} has no room ({fault}); the next one is tried")
            continue
        where = f" in zone {zone}" if zone else ""
        remedy = "; free or add hypervisors, or take a smaller instance_type or another zone" if room else ""
        raise VMCreationFailed(
            f"VM '{mark.name}' (server {cid}) cannot be created{where}: nova at {cloud.nova.where()} says: {fault}{remedy}",
            ok_to_retry=True,
            facts=Facts(endpoint=cloud.nova.where()),
        )
    raise AssertionError("unreachable")


def of_mark(cloud: Cloud, mark: Mark) -> Document | None:
    """The server of this mark: the oldest, if a request that was sent twice made two."""
    found = all_of_mark(cloud, mark)
    return marks.first([one for one in found if one["status"] != "ERROR"]) or marks.first(found)


def all_of_mark(cloud: Cloud, mark: Mark) -> list[Document]:
    """Every server that carries it."""
    return listed(cloud, {"tags": mark.text})


def listed(cloud: Cloud, wanted: Json) -> list[Document]:
    """The project's servers, by nova's filters."""
    found = cloud.nova.pages("/servers/detail", "servers", {"limit": PAGE, **wanted})
    return [one for one in found if one["status"] not in GONE]


def only(cloud: Cloud, mark: Mark, cid: str) -> None:
    """Remove others of the mark."""
    for other in all_of_mark(cloud, mark):
        if other["id"] != cid:
            cloud.call.log(f"server {other['id']} was made besides '{cid}': it is removed")
            remove(cloud, str(other["id"]))


def remove(cloud: Cloud, cid: str) -> None:
    """Delete it and wait until it is gone."""
    if not cloud.nova.delete(f"/servers/{cid}"):
        return

    def gone(now: Document | None) -> bool:
        if now is not None and now["status"] == "ERROR" and not now.get("OS-EXT-STS:task_state"):
            raise CloudError(f"server {cid} cannot be deleted: nova at {cloud.nova.where()} says: {fault_of(now)}",
                             facts=Facts(endpoint=cloud.nova.where()))  # fmt: skip
        return now is None or now["status"] in GONE

    before = cloud.nova.find(f"/servers/{cid}")
    if before is not None and before["server"]["status"] == "ERROR":
        cloud.await_server(cid, lambda now: now is None or now["status"] in GONE)
    else:
        cloud.await_server(cid, gone)


def is_moving(server: Document) -> bool:
    """Whether nova is at work on it, so that its status is not its last."""
    return server["status"] in ("BUILD", "REBUILD", "REBOOT", "HARD_REBOOT") or bool(
        server.get("OS-EXT-STS:task_state")
    )


def fault_of(server: Document) -> str:
    """nova's words on a server in error."""
    fault = server.get("fault") or {}
    return str(fault.get("message") or "no reason is given; see nova-compute's log")


def _is_up(server: Document) -> bool:
    return server["status"] not in ("BUILD", "ERROR", *GONE)


def _send(cloud: Cloud, order: Order, mark: Mark, zone: str) -> Document:
    body: dict[str, Any] = {
        "name": mark.name,
        "flavorRef": order.flavor["id"],
        "networks": [{"port": port} for port in order.ports],
        "metadata": marks.metadata_of(cloud.call, mark, order.tags),
        "tags": [mark.text],
        "user_data": order.user_data,
    }
    if order.wanted.boot_from_volume:
        body["block_device_mapping_v2"] = [_root(cloud, order)]
    else:
        body["imageRef"] = order.image["id"]
    if order.wanted.key_name:
        body["key_name"] = order.wanted.key_name
    if zone:
        body["availability_zone"] = zone
    if cloud.config.config_drive:
        body["config_drive"] = True
    request: dict[str, Any] = {"server": body}
    if order.hints:
        request["os:scheduler_hints"] = dict(order.hints)
    try:
        return cloud.nova.post("/servers", request)["server"]
    except Refused as refused:
        if refused.status == 400 and order.wanted.key_name and "key_name" in refused.sentence:
            raise CloudError(f"key pair '{order.wanted.key_name}' (key_name or default_key_name) is not this account's: "
                             f"{refused}") from refused  # fmt: skip
        raise


def _root(cloud: Cloud, order: Order) -> Json:
    """A root disk that is a volume of nova's making, and goes with the VM."""
    size = order.wanted.root_size or int(order.flavor["disk"]) or max(SYSTEM, int(order.image.get("min_disk") or 0))
    root: dict[str, object] = {
        "boot_index": 0,
        "uuid": order.image["id"],
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": size,
        "delete_on_termination": True,
    }
    if cloud.config.volume_type:
        root["volume_type"] = cloud.config.volume_type
    return root
