"""Makes organizations, spaces and users for a test, with names that no other test has."""

from __future__ import annotations

import os
from typing import Any

from tests.paas.cloud_controller.client import Api


def name(kind: str) -> str:
    """One that no other test has."""
    return f"{kind}-{os.urandom(4).hex()}"


def to(guid: str) -> dict[str, Any]:
    """A relationship."""
    return {"data": {"guid": guid}}


async def organization(admin: Api, called: str = "") -> dict[str, Any]:
    return await admin.post("/v3/organizations", {"name": called or name("org")})


async def space(admin: Api, organization: str, called: str = "") -> dict[str, Any]:
    body = {"name": called or name("space"), "relationships": {"organization": to(organization)}}
    return await admin.post("/v3/spaces", body)


async def role(admin: Api, type: str, user: dict[str, str], where: str) -> dict[str, Any]:
    kind = "space" if type.startswith("space") else "organization"
    return await admin.post("/v3/roles", {"type": type, "relationships": {"user": {"data": user}, kind: to(where)}})


async def domain(admin: Api, called: str = "", owner: str = "", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"name": called or f"{name('domain')}.test", **more}
    if owner:
        body["relationships"] = {"organization": to(owner)}
    return await admin.post("/v3/domains", body)


async def route(admin: Api, space: str, domain: str, **more: Any) -> dict[str, Any]:
    body = {"host": name("host"), **more, "relationships": {"space": to(space), "domain": to(domain)}}
    return await admin.post("/v3/routes", body)
