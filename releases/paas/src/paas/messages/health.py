"""``health.*`` and ``healthmanager.*``. Source: health_manager of 2014."""

from __future__ import annotations

from typing import Literal

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


class DesiredPage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``GET /bulk/apps?batch_size=N&bulk_token=T``: apps by guid; the token of the next page. No results: that was all."""

    results: dict[str, Desired]
    bulk_token: dict[str, int]


class StatusQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """``healthmanager.status``: which indices of a version crash again and again, or which instances crashed a short time ago."""

    droplet: str
    state: Literal["FLAPPING", "CRASHED"]
    version: str = ""


class FlappingIndex(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: its last crash, in seconds since 1970."""

    index: int
    since: float


class CrashedInstance(msgspec.Struct, frozen=True, kw_only=True):
    """`since` in seconds since 1970."""

    instance: str
    since: float


class Flapping(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for ``FLAPPING``."""

    indices: list[FlappingIndex]


class CrashedInstances(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for ``CRASHED``."""

    instances: list[CrashedInstance]


class AppQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One app in a question; `version` is not needed for ``healthmanager.droplet``."""

    droplet: str
    version: str = ""


class AppsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """``healthmanager.health`` and ``healthmanager.droplet``: each app that is known gets an answer of its own."""

    droplets: list[AppQuestion]


class Healthy(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the wanted indices run in that version."""

    droplet: str
    version: str
    healthy: int


class KnownInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as its DEA told last."""

    dea: str
    instance: str
    version: str
    index: int
    state: str
    state_timestamp: float


class KnownApp(msgspec.Struct, frozen=True, kw_only=True):
    """All that the health manager knows of an app. `crashes`: index -> how many."""

    id: str
    state: str
    live_version: str
    num_instances: int
    package_state: str
    last_updated: float
    instances: list[KnownInstance]
    crashes: dict[str, int]
