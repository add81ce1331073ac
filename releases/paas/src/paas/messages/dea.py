"""``dea.*`` and ``droplet.*``. Source: dea_ng and cloud_controller_ng of 2013.

In these messages ``droplet`` is the app's guid, ``version`` the guid of its version, ``instance`` that of one instance.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

State = Literal["BORN", "STARTING", "RUNNING", "STOPPING", "STOPPED", "CRASHED", "EVACUATING"]
Reason = Literal["CRASHED", "STOPPED", "DEA_SHUTDOWN", "DEA_EVACUATION"]


class Nothing(msgspec.Struct, frozen=True):
    """A message that only says: now."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """``dea.start``: a DEA is there; `port` is that of its file server."""

    id: str
    ip: str
    port: int
    version: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``dea.status``; memory in MB."""

    id: str
    ip: str
    port: int
    version: str
    max_memory: int
    reserved_memory: int
    used_memory: int
    num_clients: int


class Advertisement(msgspec.Struct, frozen=True, kw_only=True):
    """``dea.advertise``, every 5 s; the cloud controller forgets it after 10 s. Memory and disk in MB."""

    id: str
    stacks: list[str]
    available_memory: int
    available_disk: int
    app_id_to_count: dict[str, int] = {}
    placement_properties: dict[str, str] = {}
    url: str = ""


class Shutdown(msgspec.Struct, frozen=True, kw_only=True):
    """``dea.shutdown``: this DEA takes nothing any more."""

    id: str
    ip: str
    version: str
    app_id_to_count: dict[str, int]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one instance: memory and disk in MB, open files."""

    mem: int
    disk: int
    fds: int = 16384


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance shows that it has come up; seconds."""

    type: Literal["port", "process", "http"] = "port"
    timeout: int = 60
    invocation_timeout: int = 1
    endpoint: str = "/"


class Start(msgspec.Struct, frozen=True, kw_only=True, rename={"executable_uri": "executableUri"}):
    """``dea.ID.start``: run one instance. `env`: ``K=V``; `services`: entries of VCAP_SERVICES with their label.

    `droplet` is the guid of a process (the first web process of an app has the app's own); `app` is the app's, for its log and for
    routes. Where `app` is empty it is the same. `task`: it runs once, without port and routes, and its end with status 0 is none to
    restart; `name` is then the task's.
    """

    droplet: str
    version: str
    index: int
    name: str
    uris: list[str]
    sha1: str
    executable_uri: str
    limits: Limits
    services: list[dict[str, Any]] = []
    env: list[str] = []
    start_command: str = ""
    cc_partition: str = "default"
    stack: str = ""
    vcap_application: dict[str, Any] = {}
    egress_network_rules: list[dict[str, Any]] = []
    health_check: HealthCheck = HealthCheck()
    process_type: str = "web"
    app: str = ""
    task: bool = False


class Stop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``dea.stop``: all instances of `droplet` that the filters leave; no filter: all, and its staging."""

    droplet: str
    version: str = ""
    instances: list[str] | None = None
    indices: list[int] | None = None
    states: list[State] | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``dea.update``: the app's addresses are now these."""

    droplet: str
    uris: list[str]
    version: str = ""


class Find(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``dea.find.droplet``: a question to all DEAs; each answers once for each instance that the filters leave."""

    droplet: str
    version: str = ""
    states: list[State] | None = None
    indices: list[int] | None = None
    instance_ids: list[str] | None = None
    include_stats: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance uses: `time` as RFC 3339, `cpu` as a share of one core, memory and disk in bytes."""

    time: str
    cpu: float
    mem: int
    disk: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Of a running instance; quotas in bytes, `uptime` in seconds."""

    name: str
    uris: list[str]
    host: str
    port: int
    uptime: float
    mem_quota: int
    disk_quota: int
    fds_quota: int
    usage: Usage


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to ``dea.find.droplet``; `state_timestamp` in seconds since 1970."""

    dea: str
    droplet: str
    version: str
    instance: str
    index: int
    state: State
    state_timestamp: float
    staged: str = ""
    file_uri_v2: str = ""
    stats: Stats | None = None


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """One instance in a heartbeat. `task`: it runs once and ends by itself, so that the health manager leaves it alone."""

    droplet: str
    version: str
    instance: str
    index: int
    state: State
    state_timestamp: float
    cc_partition: str = "default"
    task: bool = False


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """``dea.heartbeat``, every 10 s and at once on ``healthmanager.start``; an empty DEA beats too."""

    dea: str
    droplets: list[Beat]


class Exited(msgspec.Struct, frozen=True, kw_only=True):
    """``droplet.exited``: an instance has ended."""

    droplet: str
    version: str
    instance: str
    index: int
    reason: Reason
    exit_status: int = 0
    exit_description: str = ""
    crash_timestamp: float = 0
    cc_partition: str = "default"
    task: bool = False


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """``droplet.updated``: what is wanted of this app has changed."""

    droplet: str
    cc_partition: str = "default"
