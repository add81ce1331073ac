"""The log cache's configuration."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig
from paas.serve.config import ConfigError
from paas.serve.http import Listen


class Uaa(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs tokens: the address of ``/token_keys``; `issuer`: whose tokens alone are taken, where given."""

    jwks_url: str
    issuer: str = ""
    ca: str = ""


class CloudController(msgspec.Struct, frozen=True, kw_only=True):
    """Who knows which user may read which app. An answer is taken for `seconds`, a refusal for `refusal_seconds`."""

    url: str
    ca: str = ""
    seconds: float = 10
    refusal_seconds: float = 2


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: of each app its last `lines`, of `apps` apps, in `megabytes` of memory; a longer line is cut at `line_bytes`.

    An app that has written nothing for `hours` is forgotten.
    """

    lines: int = 2000
    apps: int = 5000
    megabytes: int = 128
    line_bytes: int = 65536
    hours: float = 24


class LogCacheConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    listen: Listen
    bus: BusConfig
    uaa: Uaa
    cloud_controller: CloudController
    bounds: Bounds = Bounds()

    def check(self) -> None:
        """ConfigError names what cannot be."""
        for name in ("lines", "apps", "megabytes", "line_bytes", "hours"):
            if getattr(self.bounds, name) <= 0:
                raise ConfigError(f"bounds.{name} must be more than 0")
