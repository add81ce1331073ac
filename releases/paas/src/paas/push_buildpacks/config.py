"""The errand's configuration."""

from __future__ import annotations

import msgspec


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`api` and `uaa`: addresses; `client` with `secret` may act as an admin. `directory`: NAME.zip of each of `order`, which is theirs on a new platform."""

    api: str
    uaa: str
    client: str
    secret: str
    directory: str
    order: list[str]
    ca: str = ""
    seconds: float = 120
    """How long the platform may take over one upload."""
