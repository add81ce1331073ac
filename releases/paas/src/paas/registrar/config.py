"""What a registrar is told: the bus, and the routes of the components beside it."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig
from paas.serve.config import ConfigError


class HealthUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A route is registered while `url` answers 2xx, checked every `every` seconds; `failures` in a row take it off. `ca`: PEM file."""

    url: str
    ca: str = ""
    every: float = 5
    timeout: float = 3
    failures: int = 2


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses that are served at a port of this machine, or at one with TLS whose certificate has the name `server_cert_domain_san`."""

    name: str
    uris: list[str]
    port: int = 0
    tls_port: int = 0
    server_cert_domain_san: str = ""
    host: str = ""
    app: str = ""
    tags: dict[str, str] = {}
    private_instance_id: str = ""
    health: HealthUrl | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Of ``paas.registrar``. `host`: this machine's address, for routes without one; `interval`: seconds, until a router tells its own."""

    nats: BusConfig
    host: str
    routes: list[Route]
    interval: int = 20

    def check(self) -> None:
        """ConfigError for a route that no router could use."""
        for one in self.routes:
            if not one.uris:
                raise ConfigError(f"routes: {one.name} has no uris")
            if not (one.port or one.tls_port):
                raise ConfigError(f"routes: {one.name} has neither port nor tls_port")
            if one.tls_port and not one.server_cert_domain_san:
                raise ConfigError(
                    f"routes: {one.name} has a tls_port and no server_cert_domain_san, the name in its certificate"
                )
