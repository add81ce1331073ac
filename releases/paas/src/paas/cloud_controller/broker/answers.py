"""What brokers answer. Source: Open Service Broker API 2.17. Unknown fields are passed over, as it asks."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

OPERATION_CHARACTERS = 10_000


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """Of provision and update: `operation` names what goes on in the background."""

    dashboard_url: str | None = None
    operation: str | None = None


class Began(msgspec.Struct, frozen=True, kw_only=True):
    """Of deprovision and unbind, and of a bind in the background."""

    operation: str | None = None


class LastOperation(msgspec.Struct, frozen=True, kw_only=True):
    """How something in the background stands."""

    state: Literal["in progress", "succeeded", "failed"]
    description: str | None = None
    instance_usable: bool | None = None
    update_repeatable: bool | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Of a volume."""

    volume_id: str
    mount_config: dict[str, Any] | None = None


class VolumeMount(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that an app is to be given."""

    driver: str
    container_dir: str
    mode: Literal["r", "rw"]
    device_type: Literal["shared"]
    device: Device


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """Of bind, and of fetching a binding."""

    credentials: dict[str, Any] = {}
    syslog_drain_url: str | None = None
    route_service_url: str | None = None
    volume_mounts: list[VolumeMount] | None = None
    parameters: dict[str, Any] = {}


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A service instance as its broker knows it."""

    service_id: str = ""
    plan_id: str = ""
    dashboard_url: str | None = None
    parameters: dict[str, Any] = {}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer of failure may say."""

    error: str = ""
    description: str = ""
