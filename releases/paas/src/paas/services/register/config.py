"""The errand's configuration."""

from __future__ import annotations

import msgspec

from paas.admin.session import AdminConfig


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A broker; `restricted` services are ordered by nobody until an operator says who may."""

    name: str
    url: str
    username: str
    password: str
    restricted: list[str] = []


class RegisterConfig(AdminConfig, frozen=True, kw_only=True):
    """The platform, and the brokers in order."""

    brokers: list[Registered]
