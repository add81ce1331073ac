"""``staging.*``. Source: the DEA and the cloud controller of 2013."""

from __future__ import annotations

from typing import Any

import msgspec


class StagerAdvertisement(msgspec.Struct, frozen=True, kw_only=True):
    """``staging.advertise``, every 5 s; forgotten after 10 s. Memory in MB."""

    id: str
    stacks: list[str]
    available_memory: int


class AdminBuildpack(msgspec.Struct, frozen=True, kw_only=True):
    """A buildpack of the platform, in order of position: `key` names its content, `url` is signed."""

    key: str
    url: str
    name: str = ""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the staging container: MB and open files."""

    memory: int = 1024
    disk: int = 4096
    fds: int = 16384


class Properties(msgspec.Struct, frozen=True, kw_only=True):
    """What is staged and how. `buildpack`: a URL given by the user; `buildpack_keys`: admin buildpacks asked for by name."""

    buildpack: str = ""
    buildpack_keys: list[str] = []
    services: list[dict[str, Any]] = []
    environment: list[str] = []
    resources: Resources = Resources()
    meta: dict[str, Any] = {}


class StageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``staging.ID.start``: answered twice, when it begins and when it has ended. All URIs are signed."""

    app_id: str
    task_id: str
    properties: Properties
    download_uri: str
    upload_uri: str
    buildpack_cache_download_uri: str = ""
    buildpack_cache_upload_uri: str = ""
    admin_buildpacks: list[AdminBuildpack] = []
    stack: str = ""


class StageReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first has only ids (or an `error`); the second, `finished`, what came of it. Digest as hex SHA-256."""

    task_id: str
    finished: bool = False
    error: str = ""
    error_type: str = ""
    detected_buildpack: str = ""
    buildpacks: list[dict[str, str]] = []
    droplet_sha256: str = ""
    droplet_size: int = 0
    process_types: dict[str, str] = {}
    execution_metadata: str = ""


class StagingStop(msgspec.Struct, frozen=True, kw_only=True):
    """``staging.stop``: end any staging of this app."""

    app_id: str
