"""Members of load balancers' pools (octavia)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cpi.contract import CloudError
from cpi.openstack import marks
from cpi.openstack.api import Api
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud
from cpi.openstack.groups import is_uuid
from cpi.openstack.marks import Mark
from cpi.openstack.properties import Pool
from cpi.openstack.refusals import CONFLICT, Missing, Refused

POOLS = "/lbaas/pools"
NOTE = "meristem_pools"
"""Metadata entries of a VM begin so: the ids of the pools it is a member of, as many as an entry of 255 characters holds."""
IN_ONE = 6
BUSY_TRIES = 30


@dataclass(frozen=True, slots=True)
class Chosen:
    """A pool that exists, and the VM's port for it."""

    id: str
    name: str
    port: int


def chosen(cloud: Cloud, wanted: tuple[Pool, ...]) -> list[Chosen]:
    """The pools by name or id; refused where the cloud has no load balancers."""
    if not wanted:
        return []
    try:
        listed = cloud.octavia().pages(POOLS, "pools")
    except Missing as missing:
        raise CloudError("cloud_properties of the VM: loadbalancer_pools: this cloud has no load balancers (octavia): "
                         f"{missing}") from missing  # fmt: skip
    found: list[Chosen] = []
    for pool in wanted:
        by = [one for one in listed if pool.name == one["id" if is_uuid(pool.name) else "name"]]
        if len(by) != 1:
            known = ", ".join(sorted(str(one["name"]) for one in listed)) or "none"
            raise CloudError(f"loadbalancer_pools: {len(by)} pools are called '{pool.name}'; there are: {known}")
        found.append(Chosen(str(by[0]["id"]), pool.name, pool.port))
    return found


def note(found: list[Chosen]) -> dict[str, str]:
    """What a VM's metadata keeps, so that its members are removed with it."""
    ids = list(dict.fromkeys(one.id for one in found))
    return {f"{NOTE}_{first}": ",".join(ids[first : first + IN_ONE]) for first in range(0, len(ids), IN_ONE)}


def join(cloud: Cloud, found: list[Chosen], port: Document, mark: Mark) -> None:
    """Make the VM a member of each pool."""
    octavia = cloud.octavia() if found else None
    address = port["fixed_ips"][0]
    for pool in found:
        assert octavia is not None
        path = f"{POOLS}/{pool.id}/members"
        body = {"member": {"name": mark.text, "address": address["ip_address"], "protocol_port": pool.port,
                           "subnet_id": address["subnet_id"]}}  # fmt: skip

        def look(path: str = path, number: int = pool.port) -> Document | None:
            listed = octavia.pages(path, "members", {"name": mark.text})
            return next((one for one in listed if one["protocol_port"] == number), None)

        def send(path: str = path, body: object = body) -> Document:
            return _when_idle(cloud, lambda: octavia.post(path, body))

        marks.create(cloud.call, mark, send, look, f"join pool '{pool.name}'")


def leave(cloud: Cloud, metadata: Mapping[str, object], name: str) -> None:
    """Remove the members of this name from the pools that a VM's metadata notes; pools that are gone hold none."""
    noted = [str(value) for key, value in metadata.items() if key.startswith(NOTE)]
    for pool in ",".join(noted).split(",") if noted else ():
        _empty(cloud, cloud.octavia(), f"{POOLS}/{pool}/members", name)


def leave_all(cloud: Cloud, mark: Mark) -> None:
    """Remove the members of this mark from every pool: of a VM that was never finished."""
    octavia = cloud.octavia()
    try:
        listed = octavia.pages(POOLS, "pools")
    except Missing:
        return
    for pool in listed:
        _empty(cloud, octavia, f"{POOLS}/{pool['id']}/members", mark.text)


def _empty(cloud: Cloud, octavia: Api, path: str, name: str) -> None:
    try:
        members = octavia.pages(path, "members", {"name": name})
    except Refused as refused:
        if refused.status == 404:
            return
        raise
    for member in members:

        def remove(member: Mapping[str, object] = member) -> Document:
            octavia.delete(f"{path}/{member['id']}")
            return {}

        _when_idle(cloud, remove)


def _when_idle(cloud: Cloud, change: Callable[[], Document]) -> Document:
    """A load balancer takes one change at a time, and answers 409 meanwhile."""
    for left in reversed(range(BUSY_TRIES)):
        try:
            return change()
        except Refused as refused:
            if refused.status != CONFLICT or not left or "immutable" not in refused.sentence.lower():
                raise
        time.sleep(min(1.0, cloud.call.remaining()))
        cloud.call.check()
    raise AssertionError("unreachable")
