"""Disks and snapshots of the simulated cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cpi.contract import (
    Call,
    CloudError,
    DiskHint,
    DiskNotAttached,
    DiskNotFound,
    Json,
    NoDiskSpace,
    NotSupported,
    VMNotFound,
)
from cpi.sim.clock import Clock
from cpi.sim.config import Config
from cpi.sim.gate import Gate, Ticket
from cpi.sim.inventory import Books, Fields, Item


class Disks:
    """The calls of the contract about disks; sizes are MiB."""

    def __init__(self, config: Config, gate: Gate, clock: Clock) -> None:
        self._config = config
        self._gate = gate
        self._clock = clock

    def create(self, call: Call, size: int, cloud_properties: Json, vm_cid: str | None) -> str:
        """A disk in the zone of the VM. Under a key that was used: the disk of that key."""

        def effect(books: Books, ticket: Ticket) -> str:
            known = books.by_key("disk", call.key) if call.key else None
            if known is not None:
                return known.cid
            zone = str(cloud_properties.get("availability_zone") or cloud_properties.get("zone") or "")
            if vm_cid:
                zone = _vm(books, vm_cid).text("zone")
            self._within_quota(books, size)
            body: Fields = {"size": size, "cloud_properties": dict(cloud_properties), "zone": zone, "metadata": {}}
            return books.add("disk", call.key, {**body, **self._stuck(books, ticket)}).cid

        return self._gate.pass_(call, effect)

    def delete(self, call: Call, disk_cid: str) -> None:
        """Remove it; quiet when it is gone, an error while it is attached."""

        def effect(books: Books, ticket: Ticket) -> None:
            if books.get("disk", disk_cid) is not None:
                self._free(books, disk_cid)
                books.remove(disk_cid)

        self._gate.pass_(call, effect)

    def exists(self, call: Call, disk_cid: str) -> bool:
        """Whether it is there."""
        return self._gate.pass_(call, lambda books, ticket: books.get("disk", disk_cid) is not None)

    def attach(self, call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
        """Attach it; attached to this VM already: the same hint again."""

        def effect(books: Books, ticket: Ticket) -> DiskHint:
            vm, disk = _vm(books, vm_cid), self._settled(books, disk_cid)
            holder = books.holder(disk_cid)
            if holder is not None and holder[0] != vm_cid:
                raise CloudError(f"Disk '{disk_cid}' is attached to VM '{holder[0]}'")
            if vm.text("zone") and disk.text("zone") and vm.text("zone") != disk.text("zone"):
                raise CloudError(
                    f"Disk '{disk_cid}' is in zone '{disk.text('zone')}', VM '{vm_cid}' in '{vm.text('zone')}'"
                )
            place = books.attach(disk_cid, vm_cid) if holder is None else holder[1]
            books.change(disk_cid, {**disk.body, **self._stuck(books, ticket)})
            return DiskHint({"path": f"/dev/disk/by-id/sim-{disk_cid}", "lun": str(place), "id": disk_cid})

        return self._gate.pass_(call, effect)

    def detach(self, call: Call, vm_cid: str, disk_cid: str) -> None:
        """Detach it; DiskNotAttached if it is not on that VM."""

        def effect(books: Books, ticket: Ticket) -> None:
            vm, disk = _vm(books, vm_cid), self._settled(books, disk_cid)
            holder = books.holder(disk_cid)
            if holder is None or holder[0] != vm.cid:
                raise DiskNotAttached(f"Disk '{disk_cid}' is not attached to VM '{vm_cid}'")
            books.detach(disk_cid)
            books.change(disk_cid, {**disk.body, **self._stuck(books, ticket)})

        self._gate.pass_(call, effect)

    def resize(self, call: Call, disk_cid: str, size: int) -> None:
        """Grow a detached disk."""
        self._gate.pass_(call, lambda books, ticket: self._grow(books, disk_cid, size, None))

    def update(self, call: Call, disk_cid: str, size: int, cloud_properties: Json) -> None:
        """Grow a detached disk and change its properties; its CID stays."""
        self._gate.pass_(call, lambda books, ticket: self._grow(books, disk_cid, size, cloud_properties))

    def set_metadata(self, call: Call, disk_cid: str, metadata: Mapping[str, str]) -> None:
        """Replace the disk's tags."""

        def effect(books: Books, ticket: Ticket) -> None:
            books.change(disk_cid, {**_disk(books, disk_cid).body, "metadata": dict(metadata)})

        self._gate.pass_(call, effect)

    def snapshot(self, call: Call, disk_cid: str, metadata: Mapping[str, str]) -> str:
        """A snapshot. Under a key that was used: the snapshot of that key."""

        def effect(books: Books, ticket: Ticket) -> str:
            known = books.by_key("snapshot", call.key) if call.key else None
            if known is not None:
                return known.cid
            disk, most = self._settled(books, disk_cid), self._config.limits.quota.get("snapshots")
            if most is not None and books.number_of("snapshot") >= most:
                raise CloudError(f"Quota exceeded: {most} snapshots at most")
            body = {"disk": disk_cid, "size": disk.body["size"], "metadata": dict(metadata)}
            return books.add("snapshot", call.key, body).cid

        return self._gate.pass_(call, effect)

    def delete_snapshot(self, call: Call, snapshot_cid: str) -> None:
        """Remove it; quiet when it is gone."""
        self._gate.pass_(call, lambda books, ticket: books.remove(snapshot_cid))

    def _grow(self, books: Books, disk_cid: str, size: int, cloud_properties: Json | None) -> None:
        disk = self._free(books, disk_cid)
        before = cast(int, disk.body["size"])
        if size < before:
            raise NotSupported(f"disk '{disk_cid}' has {before} MiB and cannot shrink to {size} MiB")
        self._within_quota(books, size - before, more=0)
        changed: Fields = {} if cloud_properties is None else {"cloud_properties": dict(cloud_properties)}
        books.change(disk_cid, {**disk.body, "size": size, **changed})

    def _within_quota(self, books: Books, size: int, more: int = 1) -> None:
        quota = self._config.limits.quota
        if "disks" in quota and books.number_of("disk") + more > quota["disks"]:
            raise CloudError(f"Quota exceeded: {quota['disks']} disks at most")
        if "disk_mib" in quota:
            used = sum(cast(int, disk.body["size"]) for disk in books.all("disk"))
            if used + size > quota["disk_mib"]:
                raise NoDiskSpace(f"{size} MiB do not fit: {used} of {quota['disk_mib']} MiB are in use")

    def _stuck(self, books: Books, ticket: Ticket) -> Fields:
        """The state in which a fault leaves the disk; `seconds` 0 is for ever."""
        for fault in self._gate.met(books, ticket, "disk_stuck"):
            return {"state": fault.state, "state_until": self._clock.now() + fault.seconds if fault.seconds else None}
        return {}

    def _settled(self, books: Books, cid: str) -> Item:
        """The disk, which must not be stuck in a state."""
        disk = _disk(books, cid)
        until = disk.body.get("state_until")
        if disk.text("state") and (not isinstance(until, float) or self._clock.now() < until):
            raise CloudError(f"Disk '{cid}' is in state '{disk.text('state')}', it must be available")
        return disk

    def _free(self, books: Books, cid: str) -> Item:
        """The disk, which must be neither stuck nor attached."""
        disk, holder = self._settled(books, cid), books.holder(cid)
        if holder is not None:
            raise CloudError(f"Disk '{cid}' is attached to VM '{holder[0]}'")
        return disk


def _disk(books: Books, cid: str) -> Item:
    found = books.get("disk", cid)
    if found is None:
        raise DiskNotFound(f"Disk '{cid}' not found")
    return found


def _vm(books: Books, cid: str) -> Item:
    found = books.get("vm", cid)
    if found is None:
        raise VMNotFound(f"VM '{cid}' not found")
    return found
