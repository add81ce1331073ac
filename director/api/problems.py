"""Cloud check: /deployments/:d/scans, problems, scan_and_fix; the switch of the resurrector, and what the health monitor sees (director API §5, §8, §9)."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, READ, Caller, require
from director.api.desk import Desk
from director.api.replies import hash_of, json, json_object, to_task
from director.model.errors import BadRequest
from director.service.instances import require_deployment
from director.service.problems import open_problems
from director.service.resolve import ResolveRequest, ScanAndFixRequest
from director.service.resurrection import pause_resurrection, resurrection_paused
from director.service.scan import ScanRequest


def routes(desk: Desk) -> APIRouter:
    """What finds and mends problems."""
    router = APIRouter()
    house = desk.house
    store = house.store

    async def start(caller: Caller, type: str, label: str, name: str, wanted: msgspec.Struct) -> Response:
        task = await desk.task(
            type, label, msgspec.to_builtins(wanted), deployment=name, user=caller.name, context_id=caller.context_id
        )
        return to_task(task)

    @router.post("/deployments/{name}/scans")
    async def scan(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        await require_deployment(store, name)
        return await start(caller, "cck_scan", "scan cloud", name, ScanRequest(name))

    @router.get("/deployments/{name}/problems")
    async def problems(request: Request, name: str) -> Response:
        require(request, desk, READ)
        await require_deployment(store, name)
        return json([one.show() for one in await open_problems(store, name)])

    @router.put("/deployments/{name}/problems")
    async def resolve(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        await require_deployment(store, name)
        body = await json_object(request)
        wanted = body.get("resolutions")
        if not isinstance(wanted, dict) or not all(isinstance(one, str | None) for one in wanted.values()):
            raise BadRequest(
                "'resolutions' is not an object of names",
                code=410003,
                remedy='Send {"resolutions": {"<problem id>": "<name>" or null}}',
            )
        known = {str(one.id): one for one in await open_problems(store, name)}
        for id, way in wanted.items():
            if id in known:
                known[id].way(way)
        widths = {str(group): str(width) for group, width in hash_of(body, "max_in_flight_overrides").items()}
        for group, width in widths.items():
            if not (width.removesuffix("%").isascii() and width.removesuffix("%").isdigit() and len(width) < 10):
                raise BadRequest(
                    f"max_in_flight_overrides of '{group}' is '{width[:80]}'", code=40005, remedy="Give 3 or 20%"
                )
        return await start(caller, "cck_apply", "apply resolutions", name, ResolveRequest(name, wanted, widths))

    @router.put("/deployments/{name}/scan_and_fix")
    async def scan_and_fix(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        await require_deployment(store, name)
        jobs = hash_of(await json_object(request), "jobs")
        if not all(isinstance(ids, list) for ids in jobs.values()):
            raise BadRequest(
                "'jobs' is not an object of lists", code=40000, remedy='Send {"jobs": {"<group>": ["<uuid or index>"]}}'
            )
        if await resurrection_paused(house):
            raise BadRequest("Resurrector is paused", code=410004, remedy="Switch it on with update-resurrection on")
        wanted = {str(group): tuple(str(one) for one in ids) for group, ids in jobs.items()}
        return await start(caller, "cck_scan_and_fix", "scan and fix", name, ScanAndFixRequest(name, wanted))

    @router.get("/resurrection")
    async def resurrection(request: Request) -> Response:
        require(request, desk, READ)
        return json({"resurrection": not await resurrection_paused(house)})

    @router.get("/health")
    async def health(request: Request) -> Response:
        require(request, desk, READ)
        return json(desk.health())

    @router.put("/resurrection")
    async def pause(request: Request) -> Response:
        require(request, desk, ADMIN)
        paused = (await json_object(request)).get("resurrection_paused")
        if not isinstance(paused, bool):
            raise BadRequest(
                "'resurrection_paused' is not true or false", code=40000, remedy='Send {"resurrection_paused": true}'
            )
        await pause_resurrection(house, paused)
        return Response(status_code=200)

    @router.put("/deployments/{name}/jobs/{group}/{instance}/resurrection")
    async def gone(request: Request, name: str, group: str, instance: str) -> Response:
        require(request, desk, ADMIN)
        text = "This endpoint has been removed. Use a config of type 'resurrection' instead.\n"
        return Response(text, status_code=410, media_type="text/plain")

    return router
