"""The limits of a quota, as bodies and as resources; null or absent does not limit."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.names import Count


class Apps(Body, frozen=True, kw_only=True):
    """MB, bytes per second, counts."""

    total_memory_in_mb: Count | UnsetType | None = UNSET
    per_process_memory_in_mb: Count | UnsetType | None = UNSET
    total_instances: Count | UnsetType | None = UNSET
    per_app_tasks: Count | UnsetType | None = UNSET
    log_rate_limit_in_bytes_per_second: Count | UnsetType | None = UNSET


class Services(Body, frozen=True, kw_only=True):
    """Counts, and whether plans that cost may be used."""

    paid_services_allowed: bool | UnsetType | None = UNSET
    total_service_instances: Count | UnsetType | None = UNSET
    total_service_keys: Count | UnsetType | None = UNSET


class Routes(Body, frozen=True, kw_only=True):
    """Counts."""

    total_routes: Count | UnsetType | None = UNSET
    total_reserved_ports: Count | UnsetType | None = UNSET


class Domains(Body, frozen=True, kw_only=True):
    """Counts."""

    total_domains: Count | UnsetType | None = UNSET


KINDS: dict[str, type[Body]] = {"apps": Apps, "services": Services, "routes": Routes, "domains": Domains}


def merged(body: object, kinds: tuple[str, ...], old: sa.Row[Any] | None = None) -> dict[str, Any]:
    """The columns of those kinds that the body has, on top of what was."""
    found: dict[str, Any] = {}
    for kind in kinds:
        given = getattr(body, kind)
        if given is not UNSET:
            before = {} if old is None else getattr(old, kind)
            found[kind] = {**before, **msgspec.to_builtins(given)}
    return found


def shown(row: sa.Row[Any], kinds: tuple[str, ...]) -> dict[str, Any]:
    """All limits, absent ones as null."""
    found: dict[str, Any] = {}
    for kind in kinds:
        kept = getattr(row, kind)
        found[kind] = {name: kept.get(name) for name in KINDS[kind].__struct_fields__}
        if kind == "services" and found[kind]["paid_services_allowed"] is None:
            found[kind]["paid_services_allowed"] = True
    return found
