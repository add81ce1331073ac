"""What belongs to nobody, and getting rid of it: /disks, /orphan_disks, /orphaned_vms, /possible_orphans, /vms, /cleanup (director API §8)."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, READ, Caller, require
from director.api.catalogue import show_stemcell
from director.api.desk import Desk
from director.api.replies import flag, hash_of, json, json_object, to_task
from director.model.deployment import Document
from director.model.rows import DiskRow, InstanceRow, PossibleOrphanRow, ReleaseRow, VmRow
from director.ports.store import Store
from director.service.cleanup import CleanupRequest, find_unused
from director.service.delete_vm import DeleteVmRequest
from director.service.deletions import DiskRequest
from director.service.instances import iso
from director.service.possible_orphans import OrphanRequest, show


def routes(desk: Desk) -> APIRouter:
    """Lists and tasks."""
    router = APIRouter()
    store = desk.house.store

    async def start(caller: Caller, type: str, label: str, wanted: msgspec.Struct) -> Response:
        task = await desk.task(type, label, msgspec.to_builtins(wanted), user=caller.name, context_id=caller.context_id)
        return to_task(task)

    @router.get("/disks")
    @router.get("/orphan_disks")
    async def disks(request: Request) -> Response:
        require(request, desk, READ)
        return json([show_disk(row) for row in await store.find(DiskRow) if row.orphaned_at is not None])

    @router.delete("/disks/{cid:path}")
    @router.delete("/orphan_disks/{cid:path}")
    async def delete_disk(request: Request, cid: str) -> Response:
        caller = require(request, desk, ADMIN)
        orphan = flag(request, "orphan")
        type, label = ("orphan_disk", "orphan disk") if orphan else ("delete_orphan_disks", "delete orphan disks")
        return await start(caller, type, label, DiskRequest(cid, orphan))

    @router.get("/orphaned_vms")
    async def orphaned_vms(request: Request) -> Response:
        require(request, desk, READ)
        return json([await show_vm(store, row) for row in await store.find(VmRow) if row.is_left])

    @router.get("/possible_orphans")
    async def possible_orphans(request: Request) -> Response:
        require(request, desk, READ)
        return json([show(row) for row in await store.find(PossibleOrphanRow)])

    @router.delete("/possible_orphans/{key:path}")
    async def settle(request: Request, key: str) -> Response:
        caller = require(request, desk, ADMIN)
        wanted = OrphanRequest(key, request.query_params.get("cid", ""))
        return await start(caller, "delete_possible_orphan", f"settle possible orphan {key}", wanted)

    @router.delete("/vms/{cid:path}")
    async def delete_vm(request: Request, cid: str) -> Response:
        caller = require(request, desk, ADMIN)
        return await start(caller, "delete_vm", f"delete vm {cid}", DeleteVmRequest(cid))

    @router.post("/cleanup")
    async def cleanup(request: Request) -> Response:
        caller = require(request, desk, ADMIN)
        config = hash_of(await json_object(request), "config")
        wanted = CleanupRequest(config.get("remove_all") is True, config.get("keep_orphaned_disks") is True)
        return await start(caller, "delete_artifacts", "clean up all" if wanted.remove_all else "clean up", wanted)

    @router.get("/cleanup/dryrun")
    async def dry_run(request: Request) -> Response:
        require(request, desk, ADMIN)
        wanted = CleanupRequest(flag(request, "remove_all"), flag(request, "keep_orphaned_disks"))
        unused = await find_unused(store, wanted)
        return json(
            {
                "releases": _releases(unused.releases),
                "stemcells": [show_stemcell(row, []) for row in unused.stemcells],
                "compiled_packages": [
                    {
                        "package_name": row.name,
                        "stemcell_os": row.stemcell.rpartition("/")[0],
                        "stemcell_version": row.stemcell.rpartition("/")[2],
                    }
                    for row in unused.compiled
                ],
                "orphaned_disks": [show_disk(row) for row in unused.disks],
                "orphaned_vms": [await show_vm(store, row) for row in unused.vms],
                "exported_releases": list(unused.exported),
                "dns_blobs": [],
            }
        )

    return router


def show_disk(row: DiskRow) -> Document:
    """An orphaned disk as the API gives it."""
    return {
        "disk_cid": row.cid,
        "size": row.size,
        "az": row.az or None,
        "deployment_name": row.deployment,
        "instance_name": row.instance_name,
        "cloud_properties": row.cloud_properties,
        "orphaned_at": (iso(row.orphaned_at) or "").replace("T", " ").replace("Z", " UTC"),
    }


async def show_vm(store: Store, row: VmRow) -> Document:
    """An orphaned VM as the API gives it."""
    instance = await store.get(InstanceRow, row.instance_id) if row.instance_id else None
    return {
        "az": row.az or (instance.az if instance else None),
        "cid": row.cid,
        "deployment_name": row.deployment,
        "instance_name": row.instance_name or (instance.name if instance else row.instance_id),
        "ip_addresses": [one["ip"] for one in row.networks.values() if one.get("ip")],
        "orphaned_at": iso(row.orphaned_at if row.orphaned_at is not None else row.unreachable_at),
    }


def _releases(rows: tuple[ReleaseRow, ...]) -> list[Document]:
    named: dict[str, list[str]] = {}
    for row in rows:
        named.setdefault(row.name, []).append(row.version)
    return [{"name": name, "versions": versions} for name, versions in named.items()]
