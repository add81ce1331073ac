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
    """What is staged and how. `buildpacks`: keys of admin buildpacks and URLs of zips, all used in this order; none: the first admin buildpack that detects.

    `buildpack` (one URL) and `buildpack_keys` are the older form, heard where `buildpacks` is empty. `services`: entries of VCAP_SERVICES with their label. `meta`: ``vcap_application``.
    """

    buildpacks: list[str] = []
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
    download_sha256: str = ""
    buildpack_cache_download_uri: str = ""
    buildpack_cache_upload_uri: str = ""
    admin_buildpacks: list[AdminBuildpack] = []
    stack: str = ""


class StageReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first has only ids; the second, `finished`, what came of it. Digest as hex SHA-256.

    `error_type`: NoAppDetectedError, BuildpackCompileFailed, BuildpackReleaseFailed, StagingTimeExpired, InsufficientResources or StagerError; `error`: a
    sentence for the user. One that is refused at once is answered by one reply, `finished`. Of `buildpacks`: key, name, detect_output, url.
    """

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
    """``staging.stop``: end any staging of this app but that of the task `keep`: messages may overtake one another."""

    app_id: str
    keep: str = ""
