"""The environment of an instance: pure. Source: what applications of Cloud Foundry expect to find."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from paas.dea.record import Record
from paas.messages.dea import Start

PORT = 8080
HOME = "/home/vcap"
DATABASES = ("postgres://", "postgresql://", "mysql://", "mysql2://")


def environment(start: Start, record: Record, host: str, host_port: int) -> dict[str, str]:
    """All variables; what the platform says goes over what the user says."""
    user: dict[str, str] = {}
    for pair in start.env:
        key, equals, value = pair.partition("=")
        if key and equals:
            user[key] = value
    services = grouped(start.services)
    platform = {
        "HOME": HOME,
        "TMPDIR": f"{HOME}/tmp",  # noqa: S108
        "DEPS_DIR": f"{HOME}/deps",
        "PORT": str(PORT),
        "VCAP_APP_HOST": "0.0.0.0",  # noqa: S104
        "VCAP_APP_PORT": str(PORT),
        "MEMORY_LIMIT": f"{start.limits.mem}m",
        "INSTANCE_GUID": record.instance,
        "INSTANCE_INDEX": str(start.index),
        "CF_INSTANCE_GUID": record.instance,
        "CF_INSTANCE_INDEX": str(start.index),
        "CF_INSTANCE_IP": host,
        "CF_INSTANCE_INTERNAL_IP": record.container_ip,
        "CF_INSTANCE_PORT": str(host_port),
        "CF_INSTANCE_ADDR": f"{host}:{host_port}",
        "CF_INSTANCE_PORTS": _json([{"external": host_port, "internal": PORT}]),
        "VCAP_APPLICATION": _json(application(start, record)),
        "VCAP_SERVICES": _json(services),
    }
    offered = {"LANG": "C.UTF-8"}
    if database := database_url(start.services):
        offered["DATABASE_URL"] = database
    return offered | user | platform


def application(start: Start, record: Record) -> dict[str, Any]:
    """VCAP_APPLICATION: what the cloud controller gave, and what only the DEA knows."""
    now = time.time()
    limits = {"mem": start.limits.mem, "disk": start.limits.disk, "fds": start.limits.fds}
    return {
        "application_id": start.app or start.droplet,
        "application_name": start.name,
        "application_uris": start.uris,
        "application_version": start.version,
        "name": start.name,
        "uris": start.uris,
        "version": start.version,
        "process_type": start.process_type,
        "limits": limits,
        **start.vcap_application,
        "instance_id": record.instance,
        "instance_index": start.index,
        "host": "0.0.0.0",  # noqa: S104
        "port": PORT,
        "started_at": time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(now)),
        "started_at_timestamp": int(now),
    }


def grouped(services: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """VCAP_SERVICES: the entries under their label."""
    found: dict[str, list[dict[str, Any]]] = {}
    for service in services:
        found.setdefault(str(service.get("label", "user-provided")), []).append(service)
    return found


def database_url(services: list[dict[str, Any]]) -> str:
    """The address of the one database that is bound; empty where there is none."""
    for service in services:
        credentials = service.get("credentials")
        uri = credentials.get("uri", "") if isinstance(credentials, dict) else ""
        if isinstance(uri, str) and uri.startswith(DATABASES):
            return uri
    return ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
