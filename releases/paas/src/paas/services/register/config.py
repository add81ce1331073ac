"""The errand's configuration."""

from __future__ import annotations

import msgspec


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A broker; `restricted` services are ordered by nobody until an operator says who may."""

    name: str
    url: str
    username: str
    password: str
    restricted: list[str] = []


class RegisterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`api` and `uaa`: addresses; `client` with `secret` may act as an admin; `seconds`: how long one broker may take."""

    api: str
    uaa: str
    client: str
    secret: str
    brokers: list[Registered]
    ca: str = ""
    seconds: float = 120
