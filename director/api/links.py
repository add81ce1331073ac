"""/link_providers, /link_consumers, /links: what links a deployment offers, asks for and has (director API §8)."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import READ, require
from director.api.desk import Desk
from director.api.replies import json
from director.model.deployment import Document
from director.model.errors import BadRequest
from director.model.rows import DeploymentRow
from director.service.instances import require_deployment


def routes(desk: Desk) -> APIRouter:
    """The three lists, each of one deployment."""
    router = APIRouter()

    async def asked(request: Request) -> DeploymentRow:
        require(request, desk, READ)
        name = request.query_params.get("deployment")
        if not name:
            raise BadRequest("Deployment name is required", code=190024, remedy="Ask with ?deployment=<name>")
        return await require_deployment(desk.house.store, name)

    @router.get("/link_providers")
    async def providers(request: Request) -> Response:
        row = await asked(request)
        return json([_provider(one) for one in row.links.get("providers") or []])

    @router.get("/link_consumers")
    async def consumers(request: Request) -> Response:
        row = await asked(request)
        return json([_consumer(row.name, one) for one in row.links.get("consumers") or []])

    @router.get("/links")
    async def links(request: Request) -> Response:
        row = await asked(request)
        return json([_link(row.name, one) for one in row.links.get("links") or []])

    return router


def identity(*parts: Any) -> str:
    """An id that stays the same as long as what it names does: a number, since clients of the contract expect one, as text."""
    return str(int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:6]))


def _provider_id(one: Document) -> str:
    return identity("provider", one["deployment"], one["group"], one["job"], one["name"], one["type"])


def _provider(one: Document) -> Document:
    return {
        "id": _provider_id(one),
        "name": one.get("alias") or one["name"],
        "shared": bool(one.get("shared")),
        "deployment": one["deployment"],
        "link_provider_definition": {"type": one["type"], "name": one["name"]},
        "owner_object": {
            "type": one.get("kind") or "job",
            "name": one["job"],
            "info": {"instance_group": one["group"]},
        },
    }


def _consumer_id(deployment: str, one: Document) -> str:
    return identity("consumer", deployment, one["group"], one["job"], one["name"])


def _consumer(deployment: str, one: Document) -> Document:
    return {
        "id": _consumer_id(deployment, one),
        "name": one["name"],
        "optional": bool(one.get("optional")),
        "deployment": deployment,
        "owner_object": {"type": "job", "name": one["job"], "info": {"instance_group": one["group"]}},
        "link_consumer_definition": {"name": one["name"], "type": one["type"]},
    }


def _link(deployment: str, one: Document) -> Document:
    provider = one.get("provider")
    return {
        "id": identity("link", deployment, one["group"], one["job"], one["name"]),
        "name": one["name"],
        "link_consumer_id": _consumer_id(deployment, one),
        "link_provider_id": _provider_id(provider) if provider else None,
        "created_at": None,
    }
