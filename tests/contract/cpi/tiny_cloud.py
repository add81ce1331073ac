"""A small good CPI in memory, for the kit's own tests: each mistake that the kit must notice is one change to it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cpi.contract import (
    Call,
    CloudError,
    DiskHint,
    DiskNotAttached,
    DiskNotFound,
    Info,
    NetworkCreated,
    NetworkNotFound,
    NoDiskSpace,
    NotSupported,
    StemcellNotFound,
    VmCreated,
    VMCreationFailed,
    VMNotFound,
    VmStatus,
    implements,
)

Item = dict[str, Any]
BOOT = 0.004
"""Seconds that a VM takes: long enough to be cut off in the middle."""
LARGEST = 10_000


class TinyCloud:
    """Kinds -> CID -> what is known. `content` is what is on the disks, which the VMs write."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Item]] = {
            kind: {} for kind in ("stemcell", "vm", "disk", "snapshot", "network")
        }
        self.content: dict[str, str] = {}
        self.guard = threading.RLock()
        self.numbers = itertools.count(1)

    # What the cloud shows to probes

    def inventory(self) -> list[str]:
        return [cid for kind in self.items.values() for cid in list(kind)]

    # How things are kept

    def add(self, kind: str, call: Call, **fields: Any) -> str:
        with self.guard:
            known = self.by_key(kind, call.key)
            if known is not None:
                return known
            cid = f"{kind}-{next(self.numbers)}"
            self.items[kind][cid] = {"key": call.key, **fields}
            return cid

    def by_key(self, kind: str, key: str | None) -> str | None:
        return next((cid for cid, item in self.items[kind].items() if key and item["key"] == key), None)

    def get(self, kind: str, cid: str) -> Item:
        found = self.items[kind].get(cid)
        if found is None:
            raise {"vm": VMNotFound, "disk": DiskNotFound, "stemcell": StemcellNotFound}[kind](f"no {kind} '{cid}'")
        return found

    # The contract

    @implements
    def info(self) -> Info:
        return Info(("tiny-raw",))

    @implements
    def create_stemcell(self, call: Call, image_path: str) -> str:
        try:
            with open(image_path, "rb") as image:
                size = len(image.read())
        except OSError as error:
            raise CloudError(f"{image_path}: {error.strerror}") from error
        return self.add("stemcell", call, size=size)

    @implements
    def delete_stemcell(self, stemcell_cid: str) -> None:
        self.items["stemcell"].pop(stemcell_cid, None)

    @implements
    def create_vm(
        self, call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Any, networks: Any, env: Any
    ) -> VmCreated:
        call.log(f"create a VM for {agent_id}")
        answer = {name: {**network.raw, "mac": "02:00:00:00:00:01"} for name, network in networks.items()}
        with self.guard:
            known = self.by_key("vm", call.key)
            if known is not None:
                if self.items["vm"][known]["agent_id"] != agent_id:
                    raise CloudError(f"the VM of key {call.key} is another agent's")
                return VmCreated(known, answer)
            self.get("stemcell", stemcell_cid)
            if cloud_properties.get("memory", 0) > LARGEST:
                raise VMCreationFailed("no host has so much memory", ok_to_retry=False)
        time.sleep(BOOT)
        call.check()
        fields = {"agent_id": agent_id, "env": env, "networks": answer, "boot": 1, "metadata": {}}
        return VmCreated(self.add("vm", call, **fields), answer)

    @implements
    def delete_vm(self, vm_cid: str) -> None:
        with self.guard:
            self.items["vm"].pop(vm_cid, None)
            for disk in self.items["disk"].values():
                if disk["vm"] == vm_cid:
                    disk["vm"] = None

    @implements
    def has_vm(self, vm_cid: str) -> bool:
        return vm_cid in self.items["vm"]

    @implements
    def reboot_vm(self, vm_cid: str) -> None:
        self.get("vm", vm_cid)["boot"] += 1

    @implements
    def configure_networks(self, vm_cid: str) -> None:
        raise NotSupported("a VM keeps its networks")

    @implements
    def set_vm_metadata(self, vm_cid: str, metadata: Mapping[str, str]) -> None:
        self.get("vm", vm_cid)["metadata"] = metadata

    @implements
    def vm_status(self, vm_cids: list[str]) -> dict[str, VmStatus]:
        there = self.items["vm"]
        return {
            cid: VmStatus(power="on", boot=str(there[cid]["boot"])) if cid in there else VmStatus(exists=False)
            for cid in vm_cids
        }

    @implements
    def calculate_vm_cloud_properties(self, requirements: Any) -> Any:
        return {"memory": requirements["ram"]}

    @implements
    def create_disk(self, call: Call, size: int, vm_cid: str | None) -> str:
        if size > LARGEST:
            raise NoDiskSpace(f"{size} MiB do not fit")
        return self.add("disk", call, size=size, vm=None, metadata={})

    @implements
    def delete_disk(self, disk_cid: str) -> None:
        with self.guard:
            disk = self.items["disk"].get(disk_cid)
            if disk is not None and disk["vm"]:
                raise CloudError(f"disk '{disk_cid}' is attached")
            self.items["disk"].pop(disk_cid, None)
            self.content.pop(disk_cid, None)

    @implements
    def has_disk(self, disk_cid: str) -> bool:
        return disk_cid in self.items["disk"]

    @implements
    def attach_disk(self, vm_cid: str, disk_cid: str) -> DiskHint:
        with self.guard:
            self.get("vm", vm_cid)
            disk = self.get("disk", disk_cid)
            if disk["vm"] not in (None, vm_cid):
                raise CloudError(f"disk '{disk_cid}' is attached to '{disk['vm']}'")
            disk["vm"] = vm_cid
            return DiskHint({"id": disk_cid})

    @implements
    def detach_disk(self, vm_cid: str, disk_cid: str) -> None:
        with self.guard:
            self.get("vm", vm_cid)
            disk = self.get("disk", disk_cid)
            if disk["vm"] != vm_cid:
                raise DiskNotAttached(f"disk '{disk_cid}' is not attached to '{vm_cid}'")
            disk["vm"] = None

    @implements
    def get_disks(self, vm_cid: str) -> list[str]:
        self.get("vm", vm_cid)
        return [cid for cid, disk in self.items["disk"].items() if disk["vm"] == vm_cid]

    @implements
    def resize_disk(self, disk_cid: str, size: int) -> None:
        disk = self.get("disk", disk_cid)
        if size < disk["size"]:
            raise NotSupported("disks do not shrink")
        disk["size"] = size

    @implements
    def update_disk(self, disk_cid: str, size: int) -> None:
        self.resize_disk(disk_cid, size)

    @implements
    def set_disk_metadata(self, disk_cid: str, metadata: Mapping[str, str]) -> None:
        self.get("disk", disk_cid)["metadata"] = metadata

    @implements
    def snapshot_disk(self, call: Call, disk_cid: str) -> str:
        self.get("disk", disk_cid)
        return self.add("snapshot", call, disk=disk_cid)

    @implements
    def delete_snapshot(self, snapshot_cid: str) -> None:
        self.items["snapshot"].pop(snapshot_cid, None)

    @implements
    def create_network(self, call: Call, definition: Any) -> NetworkCreated:
        cid = self.add("network", call)
        return NetworkCreated(cid, {"range": definition["range"], "reserved": []}, {"name": cid})

    @implements
    def delete_network(self, network_cid: str) -> None:
        if self.items["network"].pop(network_cid, None) is None:
            raise NetworkNotFound(f"no network '{network_cid}'")

    @implements
    def find(self, kind: str, key: str) -> str | None:
        return self.by_key(kind, key)

    @implements
    def find_all(self, kind: str, keys: Sequence[str]) -> dict[str, str]:
        found = {key: self.by_key(kind, key) for key in keys}
        return {key: cid for key, cid in found.items() if cid is not None}
