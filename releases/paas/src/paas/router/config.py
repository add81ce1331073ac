"""What a router is told: the bus, its names and intervals, and how nginx is set up."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files of one certificate of the TLS listener; the names it is used for are those in the certificate."""

    certificate: str
    key: str


class Nginx(msgspec.Struct, frozen=True, kw_only=True):
    """How nginx is set up. Times in seconds, sizes as nginx writes them (``16m``; ``0``: no limit).

    `engine`: the directory whose ``usr`` has nginx with its Lua module and libraries; `directory`: nginx's own files;
    `user`: ``USER GROUP`` of the workers, for a master started as root; `ca`: PEM file that certificates of TLS endpoints are checked by,
    without which such endpoints are not used; `drain_file`: while it is there, the router says that it is unfit and lets go of clients.
    """

    directory: str
    engine: str = "/"
    user: str = ""
    host: str = "0.0.0.0"  # noqa: S104 the edge listens for everybody
    port: int = 80
    tls_port: int = 443
    certificates: list[Certificate] = []
    health_port: int = 8082
    http2: bool = True
    proxy_protocol: bool = False
    force_forwarded_https: bool = False
    workers: str = "auto"
    connections: int = 16384
    max_body_size: str = "0"
    ca: str = ""
    connect_timeout: float = 5
    request_timeout: float = 900
    web_socket_timeout: float = 86400
    shutdown_timeout: float = 60
    idle_connections: int = 100
    idle_seconds: float = 50
    attempts: int = 3
    cache_seconds: float = 2
    failed_seconds: float = 10
    sticky_cookies: list[str] = msgspec.field(default_factory=lambda: ["JSESSIONID"])
    secure_cookies: bool = False
    access_log: str = ""
    error_log: str = ""
    app_logs: bool = True
    app_lines_per_second: int = 100
    log_query: bool = True
    drain_file: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Of ``paas.router``. `socket`: where nginx asks; `hosts`: this router's addresses; `status_password` empty: no listing of routes.

    Seconds: `interval` between registrations, `prune` after which what was not registered again is forgotten, `prune_every` between looks,
    `empty_route` for which a route is still known (as having nobody) after its last endpoint has gone.
    """

    nats: BusConfig
    socket: str
    nginx: Nginx
    id: str = ""
    index: int = 0
    hosts: list[str] = []
    interval: int = 20
    prune: int = 120
    prune_every: float = 10
    empty_route: float = 0
    status_user: str = "router-status"
    status_password: str = ""
