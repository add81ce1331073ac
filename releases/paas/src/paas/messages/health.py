"""``health.*`` and ``healthmanager.*``. Source: health_manager of 2014."""

from __future__ import annotations

import msgspec


class HealthStart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``health.start`` (queue ``cc``): these indices are missing. `running`: version -> how many."""

    droplet: str
    version: str
    last_updated: float
    indices: list[int]
    running: dict[str, int] = {}
    flapping: bool = False


class HealthStop(msgspec.Struct, frozen=True, kw_only=True):
    """``health.stop`` (queue ``cc``): these instances are too many. `instances`: instance -> version."""

    droplet: str
    version: str
    last_updated: float
    instances: dict[str, str]
    running: dict[str, int] = {}


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """One app in the answer of ``GET /bulk/apps``; memory in MB, `updated_at` in seconds since 1970."""

    id: str
    instances: int
    state: str
    memory: int
    package_state: str
    version: str
    updated_at: float


class BulkCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``cloudcontroller.bulk.credentials.PARTITION``."""

    user: str
    password: str
