"""The stager's configuration."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig
from paas.containers.protocol import Egress
from paas.serve.http import Listen


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the stager is told at its start.

    `warden`: its socket. `stacks`: name -> root tree. `directory`: packages, droplets on their way and unpacked buildpacks. `memory_mb`: of all
    stagings together. `package_cache`: its address (``http://HOST:8899``), empty for none; `egress`: where buildpacks may connect to besides.
    `ca`: file that the certificates of the blobstore and the package cache are checked with.
    """

    bus: BusConfig
    listen: Listen
    warden: str
    stacks: dict[str, str]
    directory: str
    id: str = ""
    memory_mb: int = 2048
    timeout_seconds: float = 900
    package_cache: str = ""
    egress: list[Egress] = []
    ca: str = ""
    advertise_seconds: float = 5
    pids: int = 512
    most_package_mb: int = 2048
    most_droplet_mb: int = 2048
    most_cache_mb: int = 1024
    most_buildpack_mb: int = 1024
