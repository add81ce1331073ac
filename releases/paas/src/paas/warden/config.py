"""The warden's configuration."""

from __future__ import annotations

from typing import Literal

import msgspec

from paas.containers.protocol import Egress


class WardenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the warden is told at its start.

    `socket`: where it listens, for `socket_group` too. `directory`: its data, on a file system of its own or the machine's disk, never
    an overlay. `pool`: addresses, a /30 for each container. `allow` and `deny` hold for all containers, in that order, after a
    container's own rules; `default_egress` for the rest. `nameservers`: empty for the machine's. `hosts`: names -> addresses in
    every container's ``/etc/hosts``. `programs`: name -> path of what is not on the PATH; `environment` is added to theirs.
    `log_bytes`: of each process's output kept on disk (twice that at most).
    """

    socket: str
    directory: str
    socket_group: str = ""
    pool: str = "10.254.0.0/16"
    first_port: int = 61001
    last_port: int = 65535
    allow: list[Egress] = []
    deny: list[Egress] = []
    default_egress: Literal["accept", "reject"] = "accept"
    nameservers: list[str] = []
    hosts: dict[str, str] = {}
    mtu: int = 1500
    disk: Literal["auto", "loop", "directory"] = "auto"
    cgroup: str = "warden"
    link_prefix: str = "wd"
    log_bytes: int = 4 << 20
    programs: dict[str, str] = {}
    environment: dict[str, str] = {}
