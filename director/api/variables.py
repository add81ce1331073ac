"""Variables, certificates and configs that deployments use (director API §5, §8)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import LIST, READ, require
from director.api.desk import Desk
from director.api.replies import json
from director.model.deployment import Document
from director.model.rows import ConfigRow, DeploymentRow, VariableSetRow
from director.service.expiry import deployment_expiries, director_expiries
from director.service.instances import require_deployment


def routes(desk: Desk) -> APIRouter:
    """Reads only."""
    router = APIRouter()
    house = desk.house
    store = house.store

    async def pins(row: DeploymentRow) -> dict[str, str]:
        pinned = await store.get(VariableSetRow, f"{row.variable_set:012d}")
        return pinned.pins if pinned else {}

    @router.get("/deployments/{name}/variables")
    async def variables(request: Request, name: str) -> Response:
        require(request, desk, READ)
        found = await pins(await require_deployment(store, name))
        return json([{"id": id, "name": variable} for variable, id in sorted(found.items())])

    @router.get("/deployments/{name}/certificate_expiry")
    async def expiry(request: Request, name: str) -> Response:
        require(request, desk, READ)
        return json(await deployment_expiries(house, name))

    @router.get("/director/certificate_expiry")
    async def own_expiry(request: Request) -> Response:
        require(request, desk, READ)
        return json(await director_expiries(house, desk.certificates))

    @router.get("/deployed_variables/{variable:path}")
    async def deployed(request: Request, variable: str) -> Response:
        require(request, desk, LIST)
        used: list[Document] = []
        for row in await store.find(DeploymentRow):
            version = (await pins(row)).get(variable)
            if version is not None:
                used.append({"name": row.name, "version": version})
        return json({"deployments": used})

    @router.get("/deployment_configs")
    async def configs(request: Request) -> Response:
        require(request, desk, LIST)
        names = {*request.query_params.getlist("deployment[]"), *request.query_params.getlist("deployment")}
        found: list[Document] = []
        for number, row in enumerate(await store.find(DeploymentRow), 1):
            if row.name not in names:
                continue
            for id in (*row.cloud_config_ids, *row.runtime_config_ids):
                config = await store.get(ConfigRow, f"{id:012d}")
                if config is not None:
                    shown = {"id": config.id, "type": config.type, "name": config.name}
                    found.append({"id": number, "deployment": row.name, "config": shown})
        return json(found)

    return router
