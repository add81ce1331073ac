"""The errand's configuration."""

from __future__ import annotations

from paas.admin.session import AdminConfig


class Config(AdminConfig, frozen=True, kw_only=True):
    """`directory`: NAME.zip of each of `order`, which is theirs on a new platform."""

    directory: str
    order: list[str]
