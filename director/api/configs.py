"""/configs and the older /cloud_configs, /runtime_configs, /cpi_configs (director API §7)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, LIST, require
from director.api.desk import Desk
from director.api.replies import json, json_object, number, row_key, text_body
from director.model.deployment import Document
from director.model.errors import BadRequest, DirectorError, NotFound
from director.model.rows import ConfigRow
from director.service.config_changes import config_diff, delete_configs, save_config
from director.service.instances import iso

OLD = {"cloud_configs": "cloud", "runtime_configs": "runtime", "cpi_configs": "cpi"}


def show(row: ConfigRow, newest: set[int]) -> Document:
    """A config as the API gives it: ids are strings."""
    return {
        "id": str(row.id),
        "type": row.type,
        "name": row.name,
        "content": row.content,
        "created_at": (iso(row.created_at) or "").replace("T", " ").replace("Z", " UTC"),
        "team": row.team,
        "current": row.id in newest,
    }


def routes(desk: Desk) -> APIRouter:
    """All config routes."""
    router = APIRouter()
    house = desk.house
    store = house.store

    async def listed(type: str | None, name: str | None, limit: int | None) -> list[Document]:
        where: dict[str, Any] = {key: value for key, value in (("type", type), ("name", name)) if value}
        rows = await store.find(ConfigRow, newest_first=True, deleted=False, **where)
        newest: dict[tuple[str, str], int] = {}
        for row in rows:
            newest.setdefault((row.type, row.name), row.id)
        seen: dict[tuple[str, str], int] = {}
        chosen: list[ConfigRow] = []
        for row in rows:
            place = (row.type, row.name)
            seen[place] = seen.get(place, 0) + 1
            if limit is None or seen[place] <= limit:
                chosen.append(row)
        chosen.sort(key=lambda row: (row.type, row.name != "default", row.name, -row.id))
        return [show(row, set(newest.values())) for row in chosen]

    async def held(id: str) -> ConfigRow | None:
        key = row_key(id)
        row = await store.get(ConfigRow, key) if key else None
        return None if row is None or row.deleted else row

    @router.get("/configs")
    async def configs(request: Request) -> Response:
        require(request, desk, LIST)
        limit = number(request, "limit")
        if limit is None:
            limit = None if request.query_params.get("latest") == "false" else 1
        return json(await listed(request.query_params.get("type"), request.query_params.get("name"), limit))

    @router.get("/configs/{id}")
    async def config(request: Request, id: str) -> Response:
        require(request, desk, LIST)
        row = await held(id)
        if row is None:
            raise NotFound(f"Config {id} not found", code=440012)
        newest = await store.find(ConfigRow, newest_first=True, limit=1, type=row.type, name=row.name, deleted=False)
        return json(show(row, {one.id for one in newest}))

    @router.post("/configs")
    async def save(request: Request) -> Response:
        require(request, desk, ADMIN)
        body = await json_object(request)
        expected = body.get("expected_latest_id")
        row = await save_config(house, _text(body, "type"), _text(body, "name"), _text(body, "content"), expected)
        if isinstance(row, str):
            text = f"Latest Id: '{row}' does not match expected latest id"
            return json({"latest_id": row, "expected_latest_id": str(expected), "description": text}, 412)
        return json(show(row, {row.id}), 201)

    @router.post("/configs/diff")
    async def diff(request: Request) -> Response:
        require(request, desk, ADMIN)
        body = await json_object(request)
        try:
            lines, latest = await config_diff(house, body)
        except NotFound:
            raise
        except DirectorError as error:
            return json({"diff": [], "error": f"Unable to diff config content: {error.description}"}, 400)
        return json({"diff": lines, "from": {"id": latest}})

    @router.delete("/configs")
    async def delete_named(request: Request) -> Response:
        require(request, desk, ADMIN)
        type, name = request.query_params.get("type"), request.query_params.get("name")
        if not type or not name:
            raise BadRequest("'type' and 'name' are required", code=440010)
        gone = await delete_configs(house, type, name)
        return Response(status_code=204 if gone else 404)

    @router.delete("/configs/{id}")
    async def delete_one(request: Request, id: str) -> Response:
        require(request, desk, ADMIN)
        row = await held(id)
        if row is None:
            return Response(status_code=404)
        await delete_configs(house, row.type, row.name, only=row.id)
        return Response(status_code=204)

    for path, type in OLD.items():
        _old_routes(router, desk, path, type)
    return router


def _old_routes(router: APIRouter, desk: Desk, path: str, type: str) -> None:
    store = desk.house.store

    async def get(request: Request) -> Response:
        require(request, desk, LIST)
        limit = number(request, "limit")
        if limit is None:
            raise BadRequest("limit is required", code=40001, remedy="Ask with ?limit=1")
        name = request.query_params.get("name", "default")
        rows = await store.find(ConfigRow, newest_first=True, limit=limit, type=type, name=name, deleted=False)
        return json([{"properties": row.content, "created_at": iso(row.created_at), "name": row.name} for row in rows])

    async def post(request: Request) -> Response:
        require(request, desk, ADMIN)
        await save_config(desk.house, type, request.query_params.get("name", "default"), await text_body(request), None)
        return Response(status_code=201)

    async def diff(request: Request) -> Response:
        require(request, desk, ADMIN)
        body = {"type": type, "name": request.query_params.get("name", "default"), "content": await text_body(request)}
        try:
            lines, _ = await config_diff(desk.house, body)
        except DirectorError as error:
            return json({"diff": [], "error": f"Unable to diff {type}_config: {error.description}"}, 400)
        return json({"diff": lines})

    router.add_api_route(f"/{path}", get, methods=["GET"])
    router.add_api_route(f"/{path}", post, methods=["POST"])
    router.add_api_route(f"/{path}/diff", diff, methods=["POST"])


def _text(body: Document, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"'{key}' is required and must be text", code=440010, remedy=f"Send '{key}' in the JSON body")
    return value
