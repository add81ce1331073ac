"""The small ones: /info, /locks, /director/limits, /resources, /jobs, /packages/blobs (director API §2, §6, §8)."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from director.api.auth import ADMIN, READ, identify, require
from director.api.desk import Desk
from director.api.replies import json
from director.engine.locks import locks
from director.model.errors import BadRequest, NotFound
from director.model.rows import CompiledPackageRow, ReleaseRow

ARCHIVE = "application/x-gzip"
BLOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def routes(desk: Desk) -> APIRouter:
    """Routes that need no file of their own."""
    router = APIRouter()
    house = desk.house
    store = house.store

    @router.get("/info")
    async def info(request: Request) -> Response:
        caller = identify(request, desk)
        features = {
            "local_dns": {"status": False, "extras": {"domain_name": house.site.dns_domain}},
            "snapshots": {"status": False},
            "config_server": {"status": False, "extras": {"urls": []}},
        }
        return json(
            {
                "name": house.site.name,
                "uuid": house.site.uuid,
                "version": f"{desk.version} (00000000)",
                "user": caller.name if caller else None,
                "cpi": desk.cpi,
                "stemcell_os": "-",
                "stemcell_version": "-",
                "user_authentication": desk.authentication,
                "features": features,
            }
        )

    @router.get("/locks")
    async def list_locks(request: Request) -> Response:
        require(request, desk, READ)
        return json(
            [
                {
                    "type": one.type,
                    "resource": list(one.resource),
                    "timeout": f"{one.timeout:.6f}",
                    "task_id": str(one.task_id),
                }
                for one in await locks(store)
            ]
        )

    @router.get("/director/limits")
    async def limits(request: Request) -> Response:
        require(request, desk, READ)
        return json(desk.limits())

    @router.get("/resources/{id}")
    async def resource(request: Request, id: str) -> Response:
        require(request, desk, READ)
        if not BLOB_ID.fullmatch(id):
            raise NotFound(f"Blob {id[:80]!r} could not be found", code=100002)
        return FileResponse(await house.blobs.path(id), media_type=ARCHIVE)

    @router.get("/packages/blobs/{id}")
    async def package_blob(request: Request, id: str) -> Response:
        require(request, desk, ADMIN)
        held = {one.blob_id for row in await store.find(ReleaseRow) for one in row.packages if one.blob_id}
        if id not in held and id not in {row.blob_id for row in await store.find(CompiledPackageRow)}:
            raise BadRequest(
                f"Blob '{id[:80]}' is not a package's", code=40005, remedy="GET /releases/<name> lists them"
            )
        return FileResponse(await house.blobs.path(id), media_type=ARCHIVE)

    @router.get("/jobs")
    async def jobs(request: Request) -> Response:
        require(request, desk, READ)
        names = [request.query_params.get(key) for key in ("release_name", "name", "fingerprint")]
        if not all(names):
            return Response(status_code=400)
        release, name, fingerprint = names
        for row in await store.find(ReleaseRow, name=release):
            for job in row.jobs:
                if (job.name, job.fingerprint) == (name, fingerprint):
                    return json([{"name": job.name, "fingerprint": job.fingerprint, "spec": job.spec}])
        return Response(status_code=404)

    return router
