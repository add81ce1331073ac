"""The DEA's configuration."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig
from paas.containers.protocol import Bind
from paas.serve.http import Listen


class DeaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a DEA is told at its start; sizes in MB, times in seconds.

    `id`: the same after a restart. `ip`: where routers reach it. `stacks`: name -> root directory. `memory_mb` and `disk_mb` are handed out
    times their overcommit. `droplet_cache_mb`: at most kept of droplets. `ca`: the authority of the blobstore, a file. `log_rate`: bytes a
    second of one instance's output. `unroute_seconds`: between unregistering and SIGTERM; `stop_grace`: between that and SIGKILL.
    `liveness_seconds`: between checks of what runs (0: none). `crash_seconds`: how long a crashed instance is still told of.
    `status_file` is written while the DEA is being emptied. `files_secret` signs the addresses of instances' files; empty: no files.
    """

    id: str
    ip: str
    bus: BusConfig
    warden: str
    directory: str
    stacks: dict[str, str]
    memory_mb: int
    disk_mb: int
    memory_overcommit: float = 1.0
    disk_overcommit: float = 1.0
    zone: str = "default"
    version: str = "1"
    listen: Listen = Listen()
    files_secret: str = ""
    ca: str = ""
    droplet_cache_mb: int = 4096
    max_starting: int = 3
    pids: int = 512
    cpu_cores: float = 0
    binds: list[Bind] = []
    log_rate: int = 256 << 10
    advertise_seconds: float = 5
    heartbeat_seconds: float = 10
    health_interval: float = 0.25
    liveness_seconds: float = 30
    unroute_seconds: float = 5
    stop_grace: float = 10
    crash_seconds: float = 600
    evacuation_seconds: float = 300
    lonely_seconds: float = 30
    status_file: str = ""
