"""The cloud controller's configuration."""

from __future__ import annotations

from typing import Literal

import msgspec

from paas.blobs.store import BlobStoreConfig
from paas.bus.client import BusConfig
from paas.cloud_controller.sealing import Encryption
from paas.database.config import DatabaseConfig
from paas.serve.http import Listen

Role = Literal["api", "worker", "clock"]


class Uaa(msgspec.Struct, frozen=True, kw_only=True):
    """Where users come from: the address for the platform (`internal_url`), and the client that looks up names."""

    url: str
    internal_url: str = ""
    ca: str = ""
    client: str = "cloud_controller_username_lookup"
    secret: str = ""

    @property
    def base(self) -> str:
        """The address that this component uses."""
        return (self.internal_url or self.url).rstrip("/")


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """With what the health manager reads all that is wanted."""

    user: str = "bulk_api"
    password: str


class Staging(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of staging: MB, seconds, and how often it is tried elsewhere when a stager dies."""

    memory_in_mb: int = 1024
    disk_in_mb: int = 4096
    timeout: float = 900
    attempts: int = 3


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """Of new apps; MB and seconds."""

    memory_in_mb: int = 256
    disk_in_mb: int = 1024
    stack: str = "cflinuxfs-deb12"
    health_check_timeout: int = 60


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one app may ask for at most: bytes, MB, seconds."""

    package_bytes: int = 1536 * 1024 * 1024
    buildpack_bytes: int = 2048 * 1024 * 1024
    disk_in_mb: int = 10240
    instances: int = 500
    health_check_timeout: int = 600


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. Pushed wake-ups make most of these the safety net only."""

    poll: float = 5
    """Jobs and messages to be sent are looked for."""
    lease: float = 15
    """A dead worker's job is taken up by another after so long."""
    advertisement: float = 10
    """After so long an advertisement is forgotten."""
    find: float = 1.5
    """DEAs are given so long to tell of their instances."""
    deployment: float = 2
    """Deployments are moved on."""
    cleanup: float = 600
    """Old jobs, events and blobs are removed."""
    task: float = 10
    """Running tasks are looked for; one that is missed for three times as long is lost."""
    routed: float = 2
    """A new instance runs at least so long before an old one is stopped."""
    keep_jobs_days: float = 7
    keep_events_days: float = 31


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A root file system that apps run on."""

    name: str
    description: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`url`: the API's address for clients; `system_domain` and `app_domains` as names."""

    listen: Listen
    url: str
    database: DatabaseConfig
    bus: BusConfig
    blobstore: BlobStoreConfig
    uaa: Uaa
    encryption: Encryption
    bulk: Bulk
    system_domain: str
    app_domains: list[str] = []
    login_url: str = ""
    log_cache_url: str = ""
    roles: tuple[Role, ...] = ("api", "worker", "clock")
    workers: int = 16
    """Jobs that one process works on at once."""
    name: str = "Meristem PaaS"
    description: str = ""
    stacks: tuple[Stack, ...] = (Stack(name="cflinuxfs-deb12", description="Debian 12"),)
    """Made at the start where they are missing; the first is the default."""
    cc_partition: str = "default"
    data: str = "/var/vcap/data/cloud_controller"
    """Uploads lie here until they are in the blobstore."""
    unzip_bytes: int = 8 * 1024 * 1024 * 1024
    staging: Staging = Staging()
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    intervals: Intervals = Intervals()
    broker_timeout: float = 60
    """Seconds for a whole answer of a service broker."""
    broker_poll: float = 5
    """Seconds between questions for what goes on in the background there, where the broker names none."""
    broker_poll_hours: float = 168
    """What goes on for longer has failed."""
    broker_ca: str = ""
    """A file: authorities that brokers' certificates are checked by, beside the machine's."""
    default_quota: dict[str, dict[str, int | bool | None]] = {}
    version: str = "3.195.0"
