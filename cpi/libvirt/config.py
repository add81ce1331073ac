"""The plugin's properties, checked: what is unknown or mistyped is refused with its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cpi.contract import Json
from cpi.fields import Fields

WHERE = "libvirt properties"
CONTAINERS, MACHINES, KVM = "lxc", "qemu", "kvm"
VIRT_TYPES = (CONTAINERS, MACHINES, KVM)
DEFAULT_URI = {CONTAINERS: "lxc:///system", MACHINES: "qemu:///system", KVM: "qemu:///system"}
OF_ALL = ("virt_type", "uri", "state_dir", "network", "name_prefix", "memory", "cpus")
OF_MACHINES = ("storage_pool", "firmware", "machine", "cpu_model")
BESIDE = ("agent", "mbus", "ntp", "blobstore")
FIRMWARES = ("bios", "uefi")
MACHINE_TYPES = ("pc", "q35")


@dataclass(frozen=True, slots=True)
class Config:
    """Properties of one call. Paths are absolute; `prefix` begins the name of each domain, volume and cgroup made. `memory` is MiB."""

    uri: str
    state_dir: Path
    virt_type: str = CONTAINERS
    network: str = "default"
    prefix: str = "m"
    memory: int = 512
    cpus: int = 1
    mbus: str = ""
    ntp: tuple[str, ...] = ()
    blobstore: Json = field(default_factory=dict[str, object])
    storage_pool: str = "default"
    firmware: str = "bios"
    machine: str = ""
    cpu_model: str = ""

    @classmethod
    def parse(cls, properties: Json) -> Config:
        """Read the merged properties; CloudError names the one that is wrong."""
        fields = Fields(WHERE, properties, (*OF_ALL, *OF_MACHINES, *BESIDE))
        virt_type = fields.choice("virt_type", CONTAINERS, VIRT_TYPES)
        uri = fields.text("uri") or DEFAULT_URI[virt_type]
        _check_uri(fields, virt_type, uri)
        for key in OF_MACHINES:
            if virt_type == CONTAINERS and fields.has(key):
                raise fields.refused(key, f"is of machines: containers have none; set virt_type to {MACHINES} or {KVM}")
        state_dir = Path(fields.text("state_dir") or "/var/lib/meristem/libvirt")
        if not state_dir.is_absolute() or set(str(state_dir)) & set(",:\\"):
            raise fields.refused("state_dir", f"{str(state_dir)!r} must be absolute, without ',', ':' and '\\'")
        prefix = fields.text("name_prefix") or "m"
        if not prefix.replace("-", "").isalnum() or len(prefix) > 20:
            raise fields.refused("name_prefix", f"{prefix!r} must be 1 to 20 letters, digits and '-'")
        agent = Fields(f"{WHERE}.agent", fields.section("agent"), ("mbus", "ntp", "blobstore"))
        return cls(
            uri=uri,
            state_dir=state_dir,
            virt_type=virt_type,
            network=fields.text("network") or "default",
            prefix=prefix,
            memory=fields.whole("memory") or 512,
            cpus=fields.whole("cpus") or 1,
            mbus=agent.text("mbus") or fields.text("mbus"),
            ntp=agent.texts("ntp") or fields.texts("ntp"),
            blobstore=agent.section("blobstore") or fields.section("blobstore"),
            storage_pool=fields.text("storage_pool") or "default",
            firmware=fields.choice("firmware", "bios", FIRMWARES),
            machine=fields.choice("machine", "", ("", *MACHINE_TYPES)),
            cpu_model=fields.text("cpu_model"),
        )


def is_remote(uri: str) -> bool:
    """Whether libvirt may run on another host: this one's files, mounts and devices are then not its own."""
    parts = urlsplit(uri)
    transport = parts.scheme.partition("+")[2]
    return transport != "unix" and bool(parts.hostname or transport)


def _check_uri(fields: Fields, virt_type: str, uri: str) -> None:
    parts = urlsplit(uri)
    driver, _, transport = parts.scheme.partition("+")
    wanted = "lxc" if virt_type == CONTAINERS else "qemu"
    if driver != wanted:
        raise fields.refused("uri", f"is of libvirt's driver '{driver}', but virt_type {virt_type} is '{wanted}'s")
    if transport not in ("", "ssh", "libssh", "libssh2", "tls", "tcp", "unix"):
        raise fields.refused("uri", f"has the transport '{transport}', which libvirt does not know")
    if virt_type == CONTAINERS and is_remote(uri):
        raise fields.refused("uri", "is of another host: a container's root and disks are mounts and loop devices of the host "
                             "that this CPI runs on. Run the director there, or use machines (virt_type: qemu)")  # fmt: skip
    if transport == "tcp":
        raise fields.refused("uri", "would carry the agents' secrets unencrypted; use qemu+tls or qemu+ssh")
