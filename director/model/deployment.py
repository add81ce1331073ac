"""What a manifest asks for (manifest v2), with every reference to the cloud config resolved by name only.

Values that may hold ``((variables))`` stay uninterpolated here; they are filled just before use.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

Document = dict[str, Any]


class ReleaseWanted(Struct, frozen=True):
    """``releases[]``; version as written (exact, ``latest`` or ``N.latest``)."""

    name: str
    version: str
    exported_from: tuple[tuple[str, str], ...] = ()


class StemcellWanted(Struct, frozen=True):
    """``stemcells[]``: exactly one of name and os; version as written."""

    alias: str
    version: str
    name: str | None = None
    os: str | None = None


class UpdatePolicy(Struct, frozen=True):
    """``update``: counts are ints or ``N%``; watch times are (low, high) milliseconds, low is None for a single check at high."""

    canaries: int | str = 1
    max_in_flight: int | str = 1
    canary_watch_time: tuple[int | None, int] = (None, 30000)
    update_watch_time: tuple[int | None, int] = (None, 30000)
    serial: bool = True
    vm_strategy: str = "delete-create"
    initial_deploy_az_update_strategy: str = "serial"


class JobWanted(Struct, frozen=True):
    """A job of an instance group; ``properties`` None when the manifest gives none. ``consumes``/``provides`` as written."""

    name: str
    release: str
    properties: Document | None = None
    consumes: Document = field(default_factory=dict)
    provides: Document = field(default_factory=dict)
    custom_provider_definitions: tuple[Document, ...] = ()


class DiskWanted(Struct, frozen=True):
    """The managed persistent disk of a group: size in MiB, disk type name (empty for a plain size), cloud properties."""

    size: int
    name: str = ""
    cloud_properties: Document = field(default_factory=dict)


class GroupNetwork(Struct, frozen=True):
    """One network of a group. ``static_ips`` expanded to single addresses; ``default`` holds dns, gateway, addressable."""

    name: str
    static_ips: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    nic_group: str = ""


class InstanceGroup(Struct, frozen=True):
    """An instance group; either ``vm_type`` or ``vm_resources`` (cpu, ram MiB, ephemeral_disk_size MiB) is given."""

    name: str
    instances: int
    stemcell: str
    jobs: tuple[JobWanted, ...]
    networks: tuple[GroupNetwork, ...]
    update: UpdatePolicy
    azs: tuple[str, ...] = ()
    vm_type: str | None = None
    vm_resources: dict[str, int] | None = None
    vm_extensions: tuple[str, ...] = ()
    disk: DiskWanted | None = None
    named_disks: tuple[DiskWanted, ...] = ()  # attached only; a job formats and mounts them
    lifecycle: str = "service"
    env: Document = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    migrated_from: tuple[tuple[str, str | None], ...] = ()
    state: str = "started"
    instance_states: dict[str, str] = field(default_factory=dict)
    line: int = 0


class VariableWanted(Struct, frozen=True):
    """``variables[]``: name as written, type, options, update_mode; ``strategy`` on-deploy or on-stemcell-change."""

    name: str
    type: str
    options: Document = field(default_factory=dict)
    update_mode: str = "no-overwrite"
    strategy: str = "on-deploy"
    consumes: Document = field(default_factory=dict)


class Deployment(Struct, frozen=True):
    """A manifest, read and checked: addons are already placed into the groups."""

    name: str
    releases: tuple[ReleaseWanted, ...]
    stemcells: tuple[StemcellWanted, ...]
    update: UpdatePolicy
    instance_groups: tuple[InstanceGroup, ...]
    variables: tuple[VariableWanted, ...] = ()
    features: Document = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
