"""The contract between the director and a cloud: the one file that the author of a CPI reads.

A plugin is a module (or object) with functions marked `@contract.implements`; each takes those arguments of the specification that it wants, by
name. Required are the ten calls of 2012 except `configure_networks` and `reboot_vm`, which may be left out: the director then recreates.
Everything else is an optional capability. Register the plugin under the entry-point group `meristem.cpis`.

Method names, error types and value shapes are those of the BOSH CPI contract, so a plugin serves any BOSH director.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self, cast

import pluggy

from cpi.vm_status import VmStatus

PROJECT = "meristem_cpi"
ENTRY_POINT_GROUP = "meristem.cpis"
API_VERSION = 3
"""The newest version spoken: 2 brought `[cid, networks]` and disk hints, 3 the third argument of create_stemcell."""

specifies = pluggy.HookspecMarker(PROJECT)
implements = pluggy.HookimplMarker(PROJECT)

Json = Mapping[str, object]
Kind = Literal["vm", "disk", "snapshot", "stemcell"]
KINDS: tuple[Kind, ...] = ("vm", "disk", "snapshot", "stemcell")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a failed call. `started` False means that the call certainly had no effect. `retry_after`: the cloud refused
    it because there were too many calls, and takes another in so many seconds."""

    method: str = ""
    endpoint: str = ""
    request_id: str = ""
    started: bool = True
    cleanup: str = ""
    """Why the clean-up after the failure failed too; empty if it did not."""
    retry_after: float | None = None


class CpiError(Exception):
    """A call failed. `type_name` is the name on the wire; `facts` say where; `ok_to_retry` counts for create_vm only."""

    type_name: str = "Bosh::Clouds::CpiError"
    default_retry: ClassVar[bool] = False

    def __init__(self, message: str, *, ok_to_retry: bool | None = None, facts: Facts | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.ok_to_retry = self.default_retry if ok_to_retry is None else ok_to_retry
        self.facts = facts or Facts()

    def with_facts(self, facts: Facts) -> Self:
        """The same error, telling more."""
        self.facts = facts
        return self


class CloudError(CpiError):
    """The cloud refused or failed."""

    type_name = "Bosh::Clouds::CloudError"


class NotSupported(CpiError):
    """The call exists, but not for these arguments or this object; the director takes its fallback."""

    type_name = "Bosh::Clouds::NotSupported"


class MethodNotImplemented(CpiError):
    """The plugin does not have this call."""

    type_name = "Bosh::Clouds::NotImplemented"


class VMNotFound(CpiError):
    """No VM has this CID."""

    type_name = "Bosh::Clouds::VMNotFound"


class VMCreationFailed(CpiError):
    """create_vm failed and left nothing behind."""

    type_name = "Bosh::Clouds::VMCreationFailed"


class StemcellNotFound(CpiError):
    """No stemcell has this CID."""

    type_name = "Bosh::Clouds::StemcellNotFound"


class NetworkNotFound(CpiError):
    """No network has this CID or name."""

    type_name = "Bosh::Clouds::NetworkNotFound"


class DiskNotFound(CpiError):
    """No disk has this CID."""

    type_name = "Bosh::Clouds::DiskNotFound"


class DiskNotAttached(CpiError):
    """The disk is not attached to this VM."""

    type_name = "Bosh::Clouds::DiskNotAttached"


class SnapshotNotFound(CpiError):
    """No snapshot has this CID."""

    type_name = "Bosh::Clouds::SnapshotNotFound"


class NoDiskSpace(CpiError):
    """The storage is full."""

    type_name = "Bosh::Clouds::NoDiskSpace"


class InvalidCall(CpiError):
    """The arguments do not have the shape of the contract."""

    type_name = "InvalidCall"


class InvalidResponse(CpiError):
    """The CPI answered something that is not a response of the contract. The effect of the call is unknown."""

    type_name = "Meristem::InvalidResponse"


class DeadlineExceeded(CpiError):
    """The call did not end in its time. Unless `facts.started` is False its effect is unknown: recover it by its key."""

    type_name = "Meristem::DeadlineExceeded"


class WorkerDied(CpiError):
    """The worker ended with the call in flight. The effect is unknown: recover it by its key."""

    type_name = "Meristem::WorkerDied"


class UnknownCpiError(CpiError):
    """The CPI answered an error type outside the contract; `type_name` holds it."""

    def __init__(
        self, message: str, *, type_name: str = "", ok_to_retry: bool | None = None, facts: Facts | None = None
    ) -> None:
        super().__init__(message, ok_to_retry=ok_to_retry, facts=facts)
        self.type_name = type_name or "Unknown"


ERRORS: dict[str, type[CpiError]] = {
    error.type_name: error
    for error in (
        CpiError, CloudError, NotSupported, MethodNotImplemented, VMNotFound, VMCreationFailed, StemcellNotFound, NetworkNotFound,
        DiskNotFound, DiskNotAttached, SnapshotNotFound, NoDiskSpace, InvalidCall, InvalidResponse, DeadlineExceeded, WorkerDied,
    )
}  # fmt: skip
"""Wire name -> class."""


def ignore_log(line: str) -> None:
    """A log sink that drops its lines."""


@dataclass(frozen=True, slots=True)
class Call:
    """What every hook may ask for beside its arguments.

    `properties` are the plugin's own settings: the CPI config's over the configuration file's. `key` is the caller's name for what
    a create call makes: stamp it on the object so that `find` sees it again.
    """

    method: str
    properties: Json = field(default_factory=dict[str, object])
    key: str | None = None
    request_id: str = ""
    director_uuid: str = ""
    api_version: int = API_VERSION
    stemcell_api_version: int | None = None
    expires: float | None = None
    """time.monotonic() at which the caller stops waiting; None for never."""
    log: Callable[[str], None] = ignore_log

    def remaining(self, at_most: float = 3600.0) -> float:
        """Seconds left, at most `at_most`, never below zero."""
        return at_most if self.expires is None else max(0.0, min(at_most, self.expires - time.monotonic()))

    def check(self) -> None:
        """Raise DeadlineExceeded when the time is over. Ask it before each effect, so that a late call does nothing."""
        if self.expires is not None and time.monotonic() >= self.expires:
            raise DeadlineExceeded(f"{self.method} stopped between two steps: its time is over")


@dataclass(frozen=True, slots=True)
class Network:
    """One entry of create_vm's networks. `raw` is the entry as given; a CPI returns it with what it learned (ip, mac)."""

    name: str
    type: Literal["manual", "dynamic", "vip"]
    ip: str | None = None
    prefix: str | None = None
    netmask: str | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    cloud_properties: Json = field(default_factory=dict[str, object])
    nic_group: str | None = None
    raw: Json = field(default_factory=dict[str, object])

    @classmethod
    def parse(cls, name: str, entry: Json) -> Network:
        """Read one entry; InvalidCall names the key that is wrong."""

        def text(key: str) -> str | None:
            value = entry.get(key)
            if value is None or value == "":
                return None
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise InvalidCall(f"networks.{name}.{key} must be a string, not {value!r}")
            return str(value)

        def texts(key: str) -> tuple[str, ...]:
            value = entry.get(key) or []
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise InvalidCall(f"networks.{name}.{key} must be a list of strings, not {value!r}")
            return tuple(cast("list[str]", value))

        kind = entry.get("type", "manual")
        if kind not in ("manual", "dynamic", "vip"):
            raise InvalidCall(f"networks.{name}.type must be manual, dynamic or vip, not {kind!r}")
        if kind != "dynamic" and text("ip") is None:
            raise InvalidCall(f"networks.{name}.ip is missing: a {kind} network needs an address")
        properties = entry.get("cloud_properties") or {}
        if not isinstance(properties, dict):
            raise InvalidCall(f"networks.{name}.cloud_properties must be a hash, not {properties!r}")
        return cls(
            name, kind, text("ip"), text("prefix"), text("netmask"), text("gateway"), texts("dns"), texts("default"),
            cast(Json, properties), text("nic_group"), dict(entry),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class VmCreated:
    """Result of create_vm: the CID and the networks as given plus what the cloud added (mac, a dynamic ip)."""

    cid: str
    networks: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class DiskHint:
    """Result of attach_disk: how the agent finds the device: a string ("/dev/sdc", "3") or a hash ({"path": ..})."""

    value: str | Json


@dataclass(frozen=True, slots=True)
class NetworkCreated:
    """Result of create_network: CID, addresses ({range, gateway, reserved[]}), cloud properties for its users."""

    cid: str
    addresses: Json
    cloud_properties: Json


@dataclass(frozen=True, slots=True)
class Info:
    """Result of info."""

    stemcell_formats: tuple[str, ...]
    api_version: int = API_VERSION


class Calls:
    """The specification. `call` is offered to every hook; sizes are MiB; raise the errors above."""

    @specifies(firstresult=True)
    def create_stemcell(self, call: Call, image_path: str, cloud_properties: Json, env: Json) -> str | None:
        """Make an image known to the cloud; return its CID."""

    @specifies(firstresult=True)
    def delete_stemcell(self, call: Call, stemcell_cid: str) -> None:
        """Remove it; quietly when it is gone."""

    @specifies(firstresult=True)
    def create_vm(
        self, call: Call, agent_id: str, stemcell_cid: str, cloud_properties: Json,
        networks: Mapping[str, Network], disk_cids: Sequence[str], env: Json,
    ) -> VmCreated | None:  # fmt: skip
        """Make and power on a VM, with the settings its agent reads. Leave nothing behind on failure."""

    @specifies(firstresult=True)
    def delete_vm(self, call: Call, vm_cid: str) -> None:
        """Remove it, attached disks or not; disks are kept. Quietly when it is gone; an error unless certain."""

    @specifies(firstresult=True)
    def reboot_vm(self, call: Call, vm_cid: str) -> None:
        """Restart it; start it if it is off."""

    @specifies(firstresult=True)
    def configure_networks(self, call: Call, vm_cid: str, networks: Mapping[str, Network]) -> None:
        """Change the networks of a VM. Today's CPIs raise NotSupported and the director recreates."""

    @specifies(firstresult=True)
    def create_disk(self, call: Call, size: int, cloud_properties: Json, vm_cid: str | None) -> str | None:
        """Make a disk near the VM given; return its CID."""

    @specifies(firstresult=True)
    def delete_disk(self, call: Call, disk_cid: str) -> None:
        """Remove it; quietly when it is gone."""

    @specifies(firstresult=True)
    def attach_disk(self, call: Call, vm_cid: str, disk_cid: str) -> DiskHint | None:
        """Attach it and say how the agent finds it. Attached already: the same hint again."""

    @specifies(firstresult=True)
    def detach_disk(self, call: Call, vm_cid: str, disk_cid: str) -> None:
        """Detach it and wait until it is gone. DiskNotAttached if it is not there."""

    # Optional capabilities from here on.

    @specifies(firstresult=True)
    def info(self, call: Call) -> Info | None:
        """Stemcell formats and api_version."""

    @specifies(firstresult=True)
    def has_vm(self, call: Call, vm_cid: str) -> bool | None:
        """Whether the VM exists, running or not."""

    @specifies(firstresult=True)
    def has_disk(self, call: Call, disk_cid: str) -> bool | None:
        """Whether the disk exists."""

    @specifies(firstresult=True)
    def set_vm_metadata(self, call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
        """Tag the VM."""

    @specifies(firstresult=True)
    def set_disk_metadata(self, call: Call, disk_cid: str, metadata: Mapping[str, str]) -> None:
        """Tag the disk."""

    @specifies(firstresult=True)
    def resize_disk(self, call: Call, disk_cid: str, size: int) -> None:
        """Grow a disk; NotSupported for shrinking."""

    @specifies(firstresult=True)
    def update_disk(self, call: Call, disk_cid: str, size: int, cloud_properties: Json) -> str | None:
        """Change a detached disk; return its new CID, None if it stays."""

    @specifies(firstresult=True)
    def get_disks(self, call: Call, vm_cid: str) -> Sequence[str] | None:
        """CIDs of the persistent disks attached."""

    @specifies(firstresult=True)
    def snapshot_disk(self, call: Call, disk_cid: str, metadata: Mapping[str, str]) -> str | None:
        """Copy a disk at one point in time; return the snapshot's CID."""

    @specifies(firstresult=True)
    def delete_snapshot(self, call: Call, snapshot_cid: str) -> None:
        """Remove it; quietly when it is gone."""

    @specifies(firstresult=True)
    def create_network(self, call: Call, definition: Json) -> NetworkCreated | None:
        """Make a managed network: {type, cloud_properties, range?, gateway?, netmask_bits?, name?}."""

    @specifies(firstresult=True)
    def delete_network(self, call: Call, network_cid: str) -> None:
        """Remove it; NetworkNotFound when it is gone."""

    @specifies(firstresult=True)
    def calculate_vm_cloud_properties(self, call: Call, requirements: Json) -> Json | None:
        """Cloud properties for {cpu, ram, ephemeral_disk_size} (MiB), at least as large."""

    @specifies(firstresult=True)
    def find(self, call: Call, kind: Kind, key: str) -> str | None:
        """CID of what was created under this key. None, once said, is final: half-made things are settled first. Ours; recovers a create call."""

    @specifies(firstresult=True)
    def find_all(self, call: Call, kind: Kind, keys: Sequence[str]) -> Mapping[str, str] | None:
        """`find` for many keys, with as few requests of the cloud as it can: CIDs by key, without keys of nothing. Ours; only beside `find`."""

    @specifies(firstresult=True)
    def vm_status(self, call: Call, vm_cids: Sequence[str], console: int) -> Mapping[str, VmStatus] | None:
        """What the cloud knows of each of these VMs, with as few requests as it can; `console`: bytes wanted of each
        console's end, 0 for none. Waits for nothing, not for locks either: it is asked while VMs boot. Ours."""
