"""director.yml: the public form's keys that this director uses, and one section of its own, ``meristem``.

Unknown keys are ignored, as the public director does; wrong ones are told all at once, each with its path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from director.model.boot import BootLimits
from director.model.bus_urls import bus_urls
from director.model.errors import BadRequest, Place


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(extra="ignore", frozen=True)


POOL_OPTIONS = ("max_connections", "pool_timeout")


class NatsSection(Section):
    """``nats``: PEM paths; the two of the monitor are ours (heartbeats are heard only with them)."""

    server_ca_path: Path
    client_ca_certificate_path: Path
    client_ca_private_key_path: Path
    client_certificate_path: Path
    client_private_key_path: Path
    monitor_certificate_path: Path | None = None
    monitor_private_key_path: Path | None = None


class DbCertificates(Section):
    """``db.tls.cert``: paths of PEM files."""

    ca: str = ""
    certificate: str = ""
    private_key: str = ""


class DbTlsFlags(Section):
    """``db.tls.bosh_internal``: which of the certificates are meant."""

    ca_provided: bool = False
    mutual_tls_enabled: bool = False


class DbTls(Section):
    """``db.tls``: off, or with the server's name checked unless ``skip_host_verify``."""

    enabled: bool = False
    skip_host_verify: bool = False
    cert: DbCertificates = DbCertificates()
    bosh_internal: DbTlsFlags = DbTlsFlags()


class DbSection(Section):
    """``db``: sqlite with a file (or ``:memory:``), or postgres."""

    adapter: str = "sqlite"
    database: str = ""
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = Field(default="", repr=False)
    connection_options: dict[str, Any] = Field(default_factory=dict)
    connection_wait_timeout: float = 30
    tls: DbTls = DbTls()

    def parameters(self) -> dict[str, Any]:
        """For PostgreSQL, by libpq's names: what is given, then TLS, then ``connection_options`` over all. Those that size a pool of
        connections, which this director has not, are left out."""
        tls = self.tls
        found: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
        }
        if tls.enabled:
            found["sslmode"] = "verify-ca" if tls.skip_host_verify else "verify-full"
            if tls.bosh_internal.ca_provided:
                found["sslrootcert"] = tls.cert.ca
            elif not tls.skip_host_verify:
                found["sslrootcert"] = "system"  # libpq takes the system's authorities for verify-full only
            if tls.bosh_internal.mutual_tls_enabled:
                found |= {"sslcert": tls.cert.certificate, "sslkey": tls.cert.private_key}
        found |= {name: value for name, value in self.connection_options.items() if name not in POOL_OPTIONS}
        return {name: value for name, value in found.items() if value not in ("", None)}


class BlobstoreSection(Section):
    """``blobstore``: provider local."""

    provider: str = "local"
    options: dict[str, Any] = Field(default_factory=dict)


class UserEntry(Section):
    """A local user."""

    name: str
    password: str
    scopes: tuple[str, ...] = ("bosh.admin",)


class LocalUsers(Section):
    """``user_management.local``."""

    users: tuple[UserEntry, ...] = ()


class UserManagement(Section):
    """``user_management``."""

    provider: str = "local"
    local: LocalUsers = LocalUsers()


class Provider(Section):
    """``cloud.provider``: the default CPI's executable."""

    name: str = ""
    path: str = ""


class CloudSection(Section):
    """``cloud``."""

    provider: Provider = Provider()
    plugin: str = ""
    properties: dict[str, Any] = Field(default_factory=dict)


class AgentSection(Section):
    """``agent``."""

    env: dict[str, Any] = Field(default_factory=dict)
    agent_wait_timeout: float = 600


class RuntimeSection(Section):
    """``runtime``: this machine's address as agents see it."""

    ip: str = "127.0.0.1"
    instance: str = "unknown"


class DnsSection(Section):
    """``dns``."""

    domain_name: str = "bosh"


class LoggingSection(Section):
    """``logging``."""

    level: str = "info"
    file: Path | None = None


class ApiAddress(Section):
    """``meristem.api``: the TLS listener of the public port."""

    address: str = "127.0.0.1"
    port: int = 25555
    certificate: Path
    private_key: Path


class BlobAddress(Section):
    """``meristem.blobs``: the listener of signed URLs."""

    address: str = ""
    port: int = 25250


class BusSection(Section):
    """``meristem.nats``: ``managed`` runs a nats-server of our own; else the users file and pid file of one that somebody else runs here, or
    ``sync``: a sync process beside each server follows the store."""

    managed: bool = False
    directory: Path | None = None
    users_file: Path | None = None
    pid_file: Path | None = None
    log_file: Path | None = None
    sync: bool = False


class CpiSection(Section):
    """``meristem.cpi``: the default CPI as one of our plugins, with its properties."""

    type: str = ""
    exec_path: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class HealthSection(Section):
    """``meristem.health``: the monitor inside the director. Seconds, but for the counts; see `director.observe.settings`."""

    enabled: bool = True
    interval: float = Field(default=10, ge=0.1)
    agent_timeout: float = Field(default=60, gt=0)
    settle: float = Field(default=15, ge=0)
    rogue_agent_alert: float = 120
    minimum_down_jobs: int = Field(default=5, ge=1)
    percent_threshold: float = Field(default=0.2, ge=0, le=1)
    time_threshold: float = 600
    grace: float = Field(default=90, ge=0)
    silent_vms: float = Field(default=600, ge=0)
    repairs: int = Field(default=20, ge=0)
    repairs_in_total: int = Field(default=60, ge=0)
    clean_up: float = Field(default=300, ge=0)


class ScanAndFixSection(Section):
    """``scan_and_fix``. The default is the public job's."""

    auto_fix_stateful_nodes: bool = True


class BootSection(Section):
    """``meristem.boot``: seconds that a new VM may spend in each phase of its boot, 0 for as long as ``agent.agent_wait_timeout``; when a
    VM that is late is looked at first, and how often."""

    power: float | None = Field(default=None, ge=0)
    address: float | None = Field(default=None, ge=0)
    bus: float | None = Field(default=None, ge=0)
    agent: float | None = Field(default=None, ge=0)
    first_look: float = Field(default=10, gt=0)
    interval: float = Field(default=5, gt=0)

    def limits(self, timeout: float) -> BootLimits:
        """What is not given follows from the time that an agent has in all."""
        usual = BootLimits.usual(timeout)
        return BootLimits(
            power=usual.power if self.power is None else self.power,
            address=usual.address if self.address is None else self.address,
            bus=usual.bus if self.bus is None else self.bus,
            agent=usual.agent if self.agent is None else self.agent,
            first_look=self.first_look,
            interval=self.interval,
        )


class DeploymentRetention(Section):
    """An entry of ``tasks_deployments_retention_period``; days."""

    deployment_name: str
    retention_period: float = Field(gt=0)


class MeristemSection(Section):
    """What the public form cannot say."""

    api: ApiAddress | None = None
    blobs: BlobAddress = BlobAddress()
    nats: BusSection = BusSection()
    cpi: CpiSection = CpiSection()
    health: HealthSection = HealthSection()
    boot: BootSection = BootSection()
    certificates: Path | None = None
    shared: Path | None = None
    task_limit: int = 5
    max_events: int = Field(default=100_000, ge=1)
    lease_seconds: float = 30


class DirectorYml(Section):
    """The whole file. ``dir`` holds all state that has no place of its own."""

    name: str
    uuid: str = ""
    port: int
    dir: Path
    mbus: str
    nats: NatsSection
    db: DbSection = DbSection()
    blobstore: BlobstoreSection = BlobstoreSection()
    cloud: CloudSection = CloudSection()
    user_management: UserManagement = UserManagement()
    agent: AgentSection = AgentSection()
    runtime: RuntimeSection = RuntimeSection()
    dns: DnsSection = DnsSection()
    logging: LoggingSection = LoggingSection()
    trusted_certs: str = ""
    default_update_vm_strategy: Literal["delete-create", "create-swap-delete"] | None = None
    scan_and_fix: ScanAndFixSection = ScanAndFixSection()
    max_threads: int = 32
    max_tasks: int = Field(default=2000, ge=1)
    tasks_retention_period: float | None = Field(default=None, gt=0)
    tasks_deployments_retention_period: tuple[DeploymentRetention, ...] = ()
    max_vm_create_tries: int = 5
    keep_unreachable_vms: bool = False
    enable_short_lived_nats_bootstrap_credentials: bool = True
    default_ssh_options: dict[str, Any] = Field(default_factory=dict)
    version: str = ""
    meristem: MeristemSection = MeristemSection()

    @property
    def shared(self) -> Path:
        """What several directors of one database have in common: keys, blobs, certificates of the blob listener, uploads."""
        return self.meristem.shared or self.dir

    @property
    def several(self) -> bool:
        """Whether other directors may be at work on the same database and in the shared directory."""
        return self.meristem.shared is not None


def read_director_yml(path: Path) -> DirectorYml:
    """The checked file; every fault is named by its key."""
    try:
        text = path.read_text()
    except OSError as error:
        raise BadRequest(
            f"Cannot read the director's configuration: {error.strerror}",
            place=Place(str(path)),
            remedy="Give its path with --config",
        ) from None
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadRequest(f"Not YAML: {error.problem}", place=Place(str(path), line), remedy="Mend the line") from None
    if not isinstance(data, dict):
        raise BadRequest("The director's configuration must be a hash", place=Place(str(path), 1))
    try:
        found = DirectorYml.model_validate(data)
    except ValidationError as error:
        faults = "\n".join(f"- /{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadRequest(
            f"The director's configuration has {error.error_count()} faults:\n{faults}", place=Place(str(path))
        ) from None
    _refuse(found, path)
    return found


def _refuse(found: DirectorYml, path: Path) -> None:
    """What the public form allows and this director has not."""
    if found.db.adapter not in ("sqlite", "postgres"):
        raise BadRequest(
            f"db.adapter '{found.db.adapter}' is not available",
            place=Place(str(path), 0, "/db/adapter"),
            remedy="Use postgres, or sqlite with a file in db.database",
        )
    if found.db.adapter == "postgres" and not found.db.database:
        raise BadRequest(
            "db.adapter postgres needs the name of its database",
            place=Place(str(path), 0, "/db/database"),
            remedy="Name an existing database; its tables are made at the first start",
        )
    bus = found.meristem.nats
    if bus.sync and (bus.managed or bus.users_file or found.db.adapter != "postgres"):
        raise BadRequest(
            "meristem.nats.sync is for an external bus whose sync processes follow the same PostgreSQL",
            place=Place(str(path), 0, "/meristem/nats/sync"),
            remedy="Use db.adapter postgres, and leave out meristem.nats.managed and users_file",
        )
    if bus.managed and len(bus_urls(found.mbus)) != 1:
        raise BadRequest(
            "mbus must name one server, which meristem.nats.managed runs here",
            place=Place(str(path), 0, "/mbus"),
            remedy="Give one URL, or leave meristem.nats.managed out and run the cluster yourself",
        )
    if found.blobstore.provider != "local":
        raise BadRequest(
            f"blobstore.provider '{found.blobstore.provider}' is not available",
            place=Place(str(path), 0, "/blobstore/provider"),
            remedy="Use local with options.blobstore_path",
        )
    if found.user_management.provider != "local":
        raise BadRequest(
            f"user_management.provider '{found.user_management.provider}' is not available",
            place=Place(str(path), 0, "/user_management/provider"),
            remedy="Use local with a list of users",
        )
    if not (found.meristem.cpi.type or found.meristem.cpi.exec_path or found.cloud.provider.path):
        raise BadRequest(
            "No CPI is named",
            place=Place(str(path), 0, "/cloud/provider/path"),
            remedy="Give cloud.provider.path (a BOSH CPI executable) or meristem.cpi.type (a plugin such as libvirt)",
        )
