"""The small ones: /info, /locks, /events, /disks, /resources, /orphaned_vms, /deployments/:d/variables (director API §2, §8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from director.api.auth import ADMIN, LIST, READ, identify, require
from director.api.desk import Desk
from director.api.replies import flag, json, to_task
from director.engine.locks import locks
from director.model.deployment import Document
from director.model.errors import BadRequest, NotFound
from director.model.rows import DiskRow, EventRow, VariableSetRow, VmRow
from director.service.deletions import DiskRequest
from director.service.instances import iso, require_deployment

PAGE = 200


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

    @router.get("/events")
    async def events(request: Request) -> Response:
        require(request, desk, LIST)
        query = request.query_params
        names = ("task", "deployment", "instance", "user", "action", "object_type", "object_name")
        where: dict[str, Any] = {name: query[name] for name in names if query.get(name)}
        before = query.get("before_id")
        rows = await store.find(
            EventRow,
            newest_first=True,
            limit=PAGE,
            before=f"{int(before):012d}" if before and before.isdigit() else None,
            **where,
        )
        since, until = _moment(query.get("after_time")), _moment(query.get("before_time"))
        chosen = [
            row for row in rows if (since is None or row.timestamp > since) and (until is None or row.timestamp < until)
        ]
        return json([_event(row) for row in chosen])

    @router.get("/events/{id}")
    async def event(request: Request, id: str) -> Response:
        require(request, desk, LIST)
        row = await store.get(EventRow, f"{int(id):012d}") if id.isdigit() else None
        if row is None:
            raise NotFound("Event not found", code=10000)
        return json(_event(row))

    @router.get("/disks")
    @router.get("/orphan_disks")
    async def disks(request: Request) -> Response:
        require(request, desk, READ)
        rows = [row for row in await store.find(DiskRow) if row.orphaned_at is not None]
        return json(
            [
                {
                    "disk_cid": row.cid,
                    "size": row.size,
                    "az": row.az or None,
                    "deployment_name": row.deployment,
                    "instance_name": row.instance_name,
                    "cloud_properties": row.cloud_properties,
                    "orphaned_at": (iso(row.orphaned_at) or "").replace("T", " ").replace("Z", " UTC"),
                }
                for row in rows
            ]
        )

    @router.delete("/disks/{cid:path}")
    async def delete_disk(request: Request, cid: str) -> Response:
        caller = require(request, desk, ADMIN)
        orphan = flag(request, "orphan")
        task = await desk.task(
            "orphan_disk" if orphan else "delete_orphan_disks",
            "orphan disk" if orphan else "delete orphan disks",
            msgspec.to_builtins(DiskRequest(cid, orphan)),
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.get("/orphaned_vms")
    async def orphaned_vms(request: Request) -> Response:
        require(request, desk, READ)
        rows = [row for row in await store.find(VmRow) if row.orphaned_at is not None]
        return json(
            [
                {
                    "az": None,
                    "cid": row.cid,
                    "deployment_name": row.deployment,
                    "instance_name": row.instance_id,
                    "ip_addresses": [one["ip"] for one in row.networks.values() if one.get("ip")],
                    "orphaned_at": iso(row.orphaned_at),
                }
                for row in rows
            ]
        )

    @router.get("/resources/{id}")
    async def resource(request: Request, id: str) -> Response:
        require(request, desk, READ)
        return FileResponse(await house.blobs.path(id), media_type="application/x-gzip")

    @router.get("/deployments/{name}/variables")
    async def variables(request: Request, name: str) -> Response:
        require(request, desk, READ)
        row = await require_deployment(store, name)
        pinned = await store.get(VariableSetRow, f"{row.variable_set:012d}")
        return json([{"id": id, "name": variable} for variable, id in sorted((pinned.pins if pinned else {}).items())])

    return router


def _event(row: EventRow) -> Document:
    entry = msgspec.to_builtins(row)
    entry["id"] = str(row.id)
    entry["parent_id"] = str(row.parent_id) if row.parent_id else None
    entry["timestamp"] = int(row.timestamp)
    return {key: value for key, value in entry.items() if value not in (None, "")}


def _moment(text: str | None) -> float | None:
    """Epoch seconds or a date; 400 for anything else."""
    if not text:
        return None
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise BadRequest(
            f"Invalid time '{text}'", code=40005, remedy="Give epoch seconds or 2026-01-31T12:00:00Z"
        ) from None
