"""What a cloud has: VMs, disks and stemcells by CID, with the keys stamped on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from director.model.deployment import Document
from director.ports.cloud import VmStatus


@dataclass
class Vm:
    """A VM; ``disks`` are the CIDs attached to it; ``shown``: what the cloud tells of it, None for a VM that came up as it should."""

    cid: str
    key: str
    agent_id: str
    stemcell_cid: str
    networks: Document
    env: Document
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    disks: list[str] = field(default_factory=list[str])
    shown: VmStatus | None = None

    @property
    def status(self) -> VmStatus:
        """What the cloud tells of it."""
        addresses = tuple(one["ip"] for one in self.networks.values() if one.get("ip"))
        return self.shown or VmStatus(power="on", addresses=addresses, boot="1")


@dataclass
class Disk:
    """A disk; size in MiB."""

    cid: str
    key: str
    size: int
    metadata: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Stemcell:
    cid: str
    key: str


@dataclass
class Inventory:
    """All of it; ``made`` counts creations by (kind, key) for ever, so that something made twice shows even after it is deleted."""

    vms: dict[str, Vm] = field(default_factory=dict[str, Vm])
    disks: dict[str, Disk] = field(default_factory=dict[str, Disk])
    stemcells: dict[str, Stemcell] = field(default_factory=dict[str, Stemcell])
    made: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _numbers: Counter[str] = field(default_factory=Counter[str])

    def copy(self) -> Inventory:
        """One that lives on by itself."""
        vms = {cid: replace(vm, metadata=dict(vm.metadata), disks=list(vm.disks)) for cid, vm in self.vms.items()}
        disks = {cid: replace(disk, metadata=dict(disk.metadata)) for cid, disk in self.disks.items()}
        return Inventory(vms, disks, dict(self.stemcells), Counter(self.made), Counter(self._numbers))

    def cid(self, kind: str, key: str) -> str:
        """A new CID, noted as made."""
        self.made[kind, key] += 1
        self._numbers[kind] += 1
        return f"{kind}-{self._numbers[kind]}"

    def by_key(self, kind: str, key: str) -> str | None:
        """The CID stamped with the key."""
        objects: dict[str, dict[str, Vm] | dict[str, Disk] | dict[str, Stemcell]] = {
            "vm": self.vms,
            "disk": self.disks,
            "stemcell": self.stemcells,
        }
        return next((cid for cid, one in objects.get(kind, {}).items() if one.key == key), None)

    def vm_of_agent(self, agent_id: str) -> Vm | None:
        return next((vm for vm in self.vms.values() if vm.agent_id == agent_id), None)

    def holder(self, disk_cid: str) -> Vm | None:
        """The VM that a disk is attached to."""
        return next((vm for vm in self.vms.values() if disk_cid in vm.disks), None)
