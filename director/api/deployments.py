"""/deployments: list, deploy, show, diff, plan, delete (director API §5)."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, LIST, READ, require
from director.api.deploy_query import deploy_request
from director.api.desk import Desk
from director.api.replies import flag, json, json_object, text_body, to_task
from director.engine.locks import locks
from director.model.briefs import DeploymentBrief
from director.model.deployment import Document
from director.model.errors import BadRequest, DirectorError
from director.service import configs
from director.service.delete_deployment import DeleteRequest
from director.service.instances import require_deployment
from director.service.manifests import manifest_diff, manifest_name
from director.service.preview import preview
from director.service.sealing import opened, seal


def routes(desk: Desk) -> APIRouter:
    """All deployment routes."""
    router = APIRouter()
    house = desk.house
    store = house.store

    @router.get("/deployments")
    async def list_deployments(request: Request) -> Response:
        require(request, desk, LIST)
        rows, clouds, taken = await asyncio.gather(
            store.find(DeploymentBrief), configs.current(store, "cloud"), locks(store)
        )
        newest = {row.id for row in clouds}
        held = {lock.resource[0] for lock in taken if lock.type == "deployment"}
        shown = {one for one in ("configs", "releases", "stemcells", "lock") if not flag(request, f"exclude_{one}")}
        return json([_listed(shown, row, newest, held) for row in rows])

    @router.post("/deployments")
    async def deploy(request: Request) -> Response:
        caller = require(request, desk, ADMIN)
        text = await text_body(request)
        wanted = deploy_request(request, manifest_name(text), text, caller.name)
        await configs.pinned(store, "cloud", wanted.cloud_config_ids)
        await configs.pinned(store, "runtime", wanted.runtime_config_ids)
        task = await desk.task(
            "update_deployment",
            "create deployment",
            msgspec.to_builtins(wanted),
            deployment=wanted.deployment,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.get("/deployments/{name}")
    async def show(request: Request, name: str) -> Response:
        require(request, desk, READ)
        return json({"manifest": (await require_deployment(store, name)).manifest})

    @router.delete("/deployments/{name}")
    async def delete(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        await require_deployment(store, name)
        wanted = DeleteRequest(name, flag(request, "force"))
        task = await desk.task(
            "delete_deployment",
            f"delete deployment {name}",
            msgspec.to_builtins(wanted),
            deployment=name,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.post("/deployments/{name}/diff")
    async def diff(request: Request, name: str) -> Response:
        require(request, desk, ADMIN)
        text = await text_body(request)
        cloud = await configs.current(store, "cloud")
        runtime = await configs.current(store, "runtime")
        context = {"cloud_config_ids": [row.id for row in cloud], "runtime_config_ids": [row.id for row in runtime]}
        redact = request.query_params.get("redact", "true") != "false"
        try:
            lines = await manifest_diff(house, name, text, redact=redact)
        except DirectorError as error:
            return json({"context": context, "diff": [], "error": f"Unable to diff manifest: {error.description}"})
        return json({"context": context, "diff": lines})

    @router.post("/deployments/{name}/plan")
    async def plan(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        text = await text_body(request)
        if manifest_name(text) != name:
            raise BadRequest(f"The manifest is of deployment '{manifest_name(text)}', not of '{name}'", code=40005)
        wanted = deploy_request(request, name, text, caller.name)
        redact = request.query_params.get("redact", "true") != "false"
        make = seal if flag(request, "seal") else preview
        return json(await make(house, wanted, redact=redact))

    @router.post("/deployments/{name}/apply")
    async def apply(request: Request, name: str) -> Response:
        """Carry out a sealed plan; the task refuses, having changed nothing, when it would be another plan now."""
        caller = require(request, desk, ADMIN)
        wanted = opened(house, name, await json_object(request, any_type=True), caller.name)
        task = await desk.task(
            "update_deployment",
            "create deployment",
            msgspec.to_builtins(wanted),
            deployment=name,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    return router


def _listed(shown: set[str], row: DeploymentBrief, newest: set[int], held: set[str]) -> Document:
    entry: Document = {"name": row.name, "teams": list(row.teams)}
    if "configs" in shown:
        used = set(row.cloud_config_ids)
        entry["cloud_config"] = "none" if not used else "latest" if used == newest else "outdated"
    if "releases" in shown:
        entry["releases"] = [{"name": name, "version": version} for name, version in row.releases]
    if "stemcells" in shown:
        entry["stemcells"] = [{"name": name, "version": version} for name, version in row.stemcells]
    if "lock" in shown:
        entry["locked"] = row.name in held
    return entry
