"""What the cloud config offers: AZs, networks, VM and disk types, compilation."""

from __future__ import annotations

from msgspec import Struct, field

from director.model.deployment import Document


class Az(Struct, frozen=True):
    """``azs[]``; ``cpi`` names an entry of the CPI config, empty for the default CPI."""

    name: str
    cloud_properties: Document = field(default_factory=dict)
    cpi: str = ""


class Subnet(Struct, frozen=True):
    """One subnet. For manual networks ``range`` is a CIDR; ``reserved`` and ``static`` are (first, last) addresses, inclusive."""

    azs: tuple[str, ...] = ()
    range: str = ""
    gateway: str = ""
    dns: tuple[str, ...] = ()
    reserved: tuple[tuple[str, str], ...] = ()
    static: tuple[tuple[str, str], ...] = ()
    cloud_properties: Document = field(default_factory=dict)
    name: str = ""
    prefix: int = 0


class Network(Struct, frozen=True):
    """``networks[]``: type manual, dynamic or vip; dynamic and vip networks without subnets get one bare subnet."""

    name: str
    type: str
    subnets: tuple[Subnet, ...]
    managed: bool = False


class VmType(Struct, frozen=True):
    """``vm_types[]`` and ``vm_extensions[]``."""

    name: str
    cloud_properties: Document = field(default_factory=dict)


class DiskType(Struct, frozen=True):
    """``disk_types[]``; size in MiB."""

    name: str
    disk_size: int
    cloud_properties: Document = field(default_factory=dict)


class Compilation(Struct, frozen=True):
    """``compilation``: ``cloud_properties`` already merged from vm_type or given directly."""

    workers: int
    network: str
    az: str = ""
    cloud_properties: Document = field(default_factory=dict)
    vm_resources: dict[str, int] | None = None
    reuse_compilation_vms: bool = False
    env: Document = field(default_factory=dict)


class CloudConfig(Struct, frozen=True):
    """All named cloud configs, merged. Keyed by name."""

    azs: dict[str, Az] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    vm_types: dict[str, VmType] = field(default_factory=dict)
    vm_extensions: dict[str, VmType] = field(default_factory=dict)
    disk_types: dict[str, DiskType] = field(default_factory=dict)
    compilation: Compilation | None = None
