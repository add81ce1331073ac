"""What a staging container sees besides its files: variables for the buildpacks, and where it may connect to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from paas.containers.protocol import Egress
from paas.messages.staging import StageRequest
from paas.stager.config import Config
from paas.stager.driver.failure import StagingError

CA = "/opt/staging/ca.pem"


@dataclass(frozen=True)
class Surroundings:
    """Variables, and rules; all else is closed."""

    env: dict[str, str]
    egress: list[Egress]


async def surroundings(config: Config, request: StageRequest, stack: str) -> Surroundings:
    """StagingError where the package cache's name does not resolve."""
    env = {
        "CF_STACK": stack,
        "STACK": stack,
        "MEMORY_LIMIT": f"{request.properties.resources.memory}m",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
    }
    egress = list(config.egress)
    if config.package_cache:
        url, address, port = await _package_cache(config.package_cache)
        env |= {"PACKAGE_CACHE_URL": url, "PIP_INDEX_URL": f"{url}/simple", "npm_config_registry": f"{url}/npm/"}
        if url.startswith("http:"):
            env["PIP_TRUSTED_HOST"] = address
        elif config.ca:
            env |= {"PIP_CERT": CA, "npm_config_cafile": CA}
        egress.append(Egress(protocol="tcp", destination=address, ports=str(port)))
    given = dict(pair.split("=", 1) for pair in request.properties.environment if "=" in pair)
    env["VCAP_SERVICES"] = services(request.properties.services)
    application = request.properties.meta.get("vcap_application", {"application_id": request.app_id})
    env["VCAP_APPLICATION"] = msgspec.json.encode(application).decode()
    return Surroundings({**env, **given}, egress)


def services(entries: list[dict[str, Any]]) -> str:
    """VCAP_SERVICES: entries by their label."""
    by_label: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        by_label.setdefault(str(entry.get("label", "user-provided")), []).append(entry)
    return msgspec.json.encode(by_label).decode()


async def _package_cache(url: str) -> tuple[str, str, int]:
    """Its address as containers reach it, which know no names: with an IP where TLS needs none; the IP; the port."""
    parts = urlsplit(url.rstrip("/"))
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StagingError("StagerError", f"the package cache {host} has no address: {error.strerror}") from None
    address = str(ipaddress.ip_address(found[0][4][0]))
    netloc = f"{host if parts.scheme == 'https' else address}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path, "", "")), address, port
