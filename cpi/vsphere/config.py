"""The plugin's properties, checked: those of a vCenter in a CPI config, or in `vcenters[0]` of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from cpi.contract import CloudError, Json
from cpi.vsphere import shape
from cpi.vsphere.shape import Shape, anything, either, flag, hash_of, list_of, one_of, refused, seconds, text, whole

NO_NSX = "there is no NSX manager that it was tried against; leave NSX to the port group or segment named as network"
NO_POLICY = "there is no policy service that it was tried against; name datastores, or a pattern of theirs"
RULE: Shape = {"name": text, "type": one_of("separate_vms")}
CLUSTER: Shape = {
    "resource_pool": text,
    "host_group": either(text, hash_of({"name": text, "drs_rule": one_of("MUST", "SHOULD")}, "name")),
    "drs_rules": list_of(hash_of(RULE, "name", "type")),
}
DISK_TYPES = ("preallocated", "thick", "thin", "eagerZeroedThick")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster to place VMs in. `host_rule` is MUST or SHOULD; `separate` names rules that keep VMs apart."""

    name: str
    pool: str = ""
    host_group: str = ""
    host_rule: str = "SHOULD"
    separate: tuple[str, ...] = ()


def clusters(place: str, value: object) -> tuple[Cluster, ...]:
    """`[name or {name: {resource_pool, host_group, drs_rules}}]`."""
    named = cast("list[Any]", list_of(anything)(place, value))
    found: list[Cluster] = []
    for number, one in enumerate(named):
        if isinstance(one, str):
            found.append(Cluster(one))
            continue
        if not isinstance(one, Mapping) or len(cast(Json, one)) != 1:
            raise CloudError(f"vsphere property {place}[{number}] must be a name or {{name: {{..}}}}, not {one!r}")
        [(name, more)] = cast("Mapping[str, Any]", one).items()
        read = shape.read(f"{place}[{number}].{name}", more or {}, CLUSTER)
        group: Any = read.get("host_group") or ""
        rules = cast("list[dict[str, str]]", read.get("drs_rules") or [])
        found.append(
            Cluster(
                name,
                pool=str(read.get("resource_pool") or ""),
                host_group=group if isinstance(group, str) else group["name"],
                host_rule="SHOULD" if isinstance(group, str) else group.get("drs_rule", "SHOULD"),
                separate=tuple(rule["name"] for rule in rules),
            )
        )
    if not found:
        raise CloudError(f"vsphere property {place} is empty: name a cluster")
    return tuple(found)


DATACENTER: Shape = {
    "name": text,
    "vm_folder": text,
    "template_folder": text,
    "disk_path": text,
    "datastore_pattern": text,
    "datastore_cluster_pattern": text,
    "persistent_datastore_pattern": text,
    "persistent_datastore_cluster_pattern": text,
    "allow_mixed_datastores": flag,
    "clusters": clusters,
}
CONNECTION: Shape = {
    "ca_cert": hash_of({"certificate": text}, "certificate"),
    "concurrent_tasks": whole,
    "down_seconds": seconds,
    "timeout": seconds,
}
PROPERTIES: Shape = {
    "host": text,
    "address": text,
    "user": text,
    "password": text,
    "connection_options": hash_of(CONNECTION),
    "datacenters": list_of(hash_of(DATACENTER, "name", "clusters")),
    "default_disk_type": one_of(*DISK_TYPES),
    "default_scsi_controller_type": one_of("paravirtual", "lsi_logic", "lsi_logic_sas"),
    "default_hw_version": whole,
    "upgrade_hw_version": flag,
    "enable_auto_anti_affinity_drs_rules": flag,
    "enable_human_readable_name": flag,
    "http_logging": flag,
    "cpu_reserve_full_mhz": flag,
    "memory_reservation_locked_to_max": flag,
    "ensure_no_ip_conflicts": flag,
    "vm_storage_policy_name": refused(NO_POLICY),
    "vmx_options": shape.scalars,
    "nsx": refused(NO_NSX),
    "nsxt": refused(NO_NSX),
    "plugins": refused("it takes no plugins of its own"),
    "agent": hash_of({"mbus": text, "ntp": list_of(text), "blobstore": anything}),
    "mbus": text,
    "ntp": list_of(text),
    "blobstore": anything,
}


@dataclass(frozen=True, slots=True)
class Datacenter:
    """Where VMs, templates and disks are kept. Patterns are regular expressions; an empty one matches nothing."""

    name: str
    clusters: tuple[Cluster, ...]
    vm_folder: str = "BOSH_VMs"
    template_folder: str = "BOSH_Templates"
    disk_path: str = "BOSH_Disks"
    datastore_pattern: str = ""
    datastore_cluster_pattern: str = ""
    persistent_datastore_pattern: str = ""
    persistent_datastore_cluster_pattern: str = ""
    allow_mixed_datastores: bool = True


@dataclass(frozen=True, slots=True)
class Config:
    """Properties of one call."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    datacenter: Datacenter
    ca_cert: str = ""
    concurrent_tasks: int = 8
    down_seconds: float = 90.0
    """How long a call goes on trying to reach a vCenter that does not answer."""
    timeout: float = 60.0
    disk_type: str = "preallocated"
    scsi: str = "paravirtual"
    hw_version: int = 17
    upgrade_hw_version: bool = False
    anti_affinity: bool = False
    readable_names: bool = False
    reserve_cpu: bool = False
    lock_memory: bool = False
    no_ip_conflicts: bool = True
    vmx_options: Mapping[str, str] = field(default_factory=dict[str, str])
    mbus: str = ""
    ntp: tuple[str, ...] = ()
    blobstore: Json = field(default_factory=dict[str, object])

    @property
    def endpoint(self) -> str:
        """What errors name."""
        return f"https://{self.host}:{self.port}/sdk"

    @classmethod
    def parse(cls, properties: Json) -> Config:
        """Read the merged properties; CloudError names the one that is wrong."""
        given: dict[str, Any] = dict(properties)
        given |= _first_vcenter(given.pop("vcenters", None))
        found = cast("dict[str, Any]", shape.read("", given, PROPERTIES, "user", "password", "datacenters"))
        host, port = _address(found)
        if len(found["datacenters"]) != 1:
            raise CloudError(f"vsphere property datacenters must name exactly one, not {len(found['datacenters'])}")
        agent, connection = found.get("agent") or {}, found.get("connection_options") or {}
        return cls(
            host=host,
            port=port,
            user=found["user"],
            password=found["password"],
            datacenter=_datacenter(found["datacenters"][0]),
            ca_cert=(connection.get("ca_cert") or {}).get("certificate", ""),
            concurrent_tasks=connection.get("concurrent_tasks", 8),
            down_seconds=connection.get("down_seconds", 90.0),
            timeout=connection.get("timeout", 60.0),
            disk_type=found.get("default_disk_type", "preallocated"),
            scsi=found.get("default_scsi_controller_type", "paravirtual"),
            hw_version=found.get("default_hw_version", 17),
            upgrade_hw_version=found.get("upgrade_hw_version", False),
            anti_affinity=found.get("enable_auto_anti_affinity_drs_rules", False),
            readable_names=found.get("enable_human_readable_name", False),
            reserve_cpu=found.get("cpu_reserve_full_mhz", False),
            lock_memory=found.get("memory_reservation_locked_to_max", False),
            no_ip_conflicts=found.get("ensure_no_ip_conflicts", True),
            vmx_options=found.get("vmx_options") or {},
            mbus=agent.get("mbus") or found.get("mbus") or "",
            ntp=tuple(agent.get("ntp") or found.get("ntp") or ()),
            blobstore=agent.get("blobstore") or found.get("blobstore") or {},
        )


def _first_vcenter(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, list) or len(cast("list[object]", value)) != 1 or not isinstance(value[0], Mapping):
        raise CloudError("vsphere property vcenters must be a list of exactly one hash")
    return dict(cast("Mapping[str, Any]", value[0]))


def _address(found: Mapping[str, Any]) -> tuple[str, int]:
    address = found.get("host") or found.get("address")
    if not address:
        raise CloudError("vsphere property host is missing: the address of the vCenter")
    host, colon, port = str(address).partition(":")
    if colon and not port.isdigit():
        raise CloudError(f"vsphere property host must be HOST or HOST:PORT, not {address!r}")
    return host, int(port or 443)


def _datacenter(found: Mapping[str, Any]) -> Datacenter:
    made = Datacenter(**found)
    if not made.datastore_pattern and not made.datastore_cluster_pattern:
        raise CloudError(
            "vsphere property datacenters[0].datastore_pattern is missing: "
            "name the datastores of VMs, or datastore_cluster_pattern"
        )
    return made
