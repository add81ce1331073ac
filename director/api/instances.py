"""/deployments/:d/...: VMs, instances, states, logs, ssh (director API §5)."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, READ, require
from director.api.deploy_query import deploy_request
from director.api.desk import Desk
from director.api.replies import hash_of, hashes, json, json_object, text_body, to_task, words
from director.model.errors import BadRequest, NotFound
from director.model.rows import DiskRow, InstanceRow
from director.ports.store import Changes
from director.service.errands import ErrandRequest, ErrandTarget, errand_names
from director.service.instances import VmStateRequest, require_deployment, short_rows
from director.service.logs import LogsRequest
from director.service.manifests import manifest_name
from director.service.request import StateChange
from director.service.ssh import SshRequest
from director.service.targets import find_targets

STATES = {
    "started": "start instance",
    "stopped": "stop instance",
    "detached": "stop instance",
    "restart": "restart instance",
    "recreate": "recreate instance",
}


def routes(desk: Desk) -> APIRouter:
    """All routes below one deployment."""
    router = APIRouter(prefix="/deployments/{name}")
    house = desk.house
    store = house.store

    async def listing(request: Request, name: str, *, instances: bool) -> Response:
        caller = require(request, desk, READ)
        if request.query_params.get("format") != "full":
            return json(await short_rows(store, name, instances=instances))
        await require_deployment(store, name)
        wanted = VmStateRequest(name, instances)
        task = await desk.task(
            "vms",
            "retrieve vm-stats",
            msgspec.to_builtins(wanted),
            deployment=name,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.get("/vms")
    async def vms(request: Request, name: str) -> Response:
        return await listing(request, name, instances=False)

    @router.get("/instances")
    async def instances(request: Request, name: str) -> Response:
        return await listing(request, name, instances=True)

    async def change(
        request: Request, name: str, group: str, instance: str, state: str, *, hard: bool = False, action: bool = False
    ) -> Response:
        caller = require(request, desk, ADMIN)
        text = "" if action else await text_body(request)
        row = await require_deployment(store, name)
        if state not in STATES:
            raise BadRequest(f"State '{state}' is not known", code=40005, remedy=f"Use one of {', '.join(STATES)}")
        manifest = text if text.strip() else row.manifest
        if not manifest:
            raise BadRequest(f"Deployment '{name}' was never deployed", code=40001, remedy="Send its manifest along")
        if manifest_name(manifest) != name:
            raise BadRequest(f"The manifest is of deployment '{manifest_name(manifest)}', not of '{name}'", code=40005)
        if group != "*":
            await find_targets(store, name, group, (instance,) if instance else (), with_vm=False)
        wanted = msgspec.structs.replace(
            deploy_request(request, name, manifest, caller.name),
            change=StateChange(group, "detached" if hard else state, instance),
        )
        # without a new manifest the configs of the last deploy stay in force
        if not text.strip():
            wanted = msgspec.structs.replace(
                wanted, cloud_config_ids=row.cloud_config_ids or None, runtime_config_ids=row.runtime_config_ids or None
            )
        task = await desk.task(
            "update_deployment",
            "create deployment",
            msgspec.to_builtins(wanted),
            deployment=name,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.put("/jobs/{group}")
    async def change_group(request: Request, name: str, group: str) -> Response:
        return await change(request, name, group, "", request.query_params.get("state", ""))

    @router.put("/jobs/{group}/{instance}")
    async def change_instance(request: Request, name: str, group: str, instance: str) -> Response:
        return await change(request, name, group, instance, request.query_params.get("state", ""))

    @router.post("/instance_groups/{group}/{instance}/actions/{action}")
    async def act(request: Request, name: str, group: str, instance: str, action: str) -> Response:
        states = {"start": "started", "stop": "stopped", "restart": "restart", "recreate": "recreate"}
        if action not in states:
            raise NotFound(f"Action '{action}' doesn't exist", code=70009, remedy=f"Use one of {', '.join(states)}")
        hard = action == "stop" and request.query_params.get("hard") == "true"
        return await change(request, name, group, instance, states[action], hard=hard, action=True)

    @router.put("/instance_groups/{group}/{instance}/ignore")
    async def ignore(request: Request, name: str, group: str, instance: str) -> Response:
        require(request, desk, ADMIN)
        body = await json_object(request)
        if not isinstance(body.get("ignore"), bool):
            raise BadRequest("'ignore' is not true or false", code=40000, remedy='Send {"ignore": true}')
        await require_deployment(store, name)
        (row, *_) = await find_targets(store, name, group, (instance,), with_vm=False)
        changed = msgspec.structs.replace(row, ignore=body["ignore"])
        await store.commit(Changes(put=(changed,), expect=((InstanceRow, row.key, row),)))
        return Response(status_code=200)

    @router.get("/jobs/{group}/{instance}/logs")
    async def logs(request: Request, name: str, group: str, instance: str) -> Response:
        caller = require(request, desk, READ)
        await require_deployment(store, name)
        await find_targets(store, name, group, (instance,))
        wanted = LogsRequest(name, group, instance, words(request, "type") or ("job",), words(request, "filters"))
        task = await desk.task(
            "fetch_logs",
            "fetch logs",
            msgspec.to_builtins(wanted),
            deployment=name,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.get("/jobs/{group}/{instance}")
    async def one(request: Request, name: str, group: str, instance: str) -> Response:
        require(request, desk, READ)
        await require_deployment(store, name)
        (row, *_) = await find_targets(store, name, group, (instance,), with_vm=False)
        disks = [disk.cid for disk in await store.find(DiskRow, instance_id=row.id) if disk.cid]
        return json(
            {"deployment": name, "job": row.group, "index": row.index, "id": row.id, "state": row.state, "disks": disks}
        )

    @router.post("/ssh")
    async def ssh(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        await require_deployment(store, name)
        body = await json_object(request)
        target = hash_of(body, "target")
        command = str(body.get("command") or "")
        if command not in ("setup", "cleanup"):
            raise BadRequest(f"ssh command '{command}' is not known", code=40005, remedy="Use setup or cleanup")
        ids = target.get("ids") or target.get("indexes") or []
        if not isinstance(ids, list):
            raise BadRequest("'ids' is not a list", code=40000, remedy='Send "ids": ["..."]')
        wanted = SshRequest(
            name,
            command,
            str(target.get("job") or ""),
            tuple(str(one) for one in ids),
            hash_of(body, "params"),
            desk.gateway,
        )
        label = f"ssh: {command}:{msgspec.json.encode(target).decode()}"
        task = await desk.task(
            "ssh", label, msgspec.to_builtins(wanted), deployment=name, user=caller.name, context_id=caller.context_id
        )
        return to_task(task)

    @router.get("/errands")
    async def errands(request: Request, name: str) -> Response:
        require(request, desk, READ)
        return json([{"name": one} for one in await errand_names(store, name)])

    @router.post("/errands/{errand}/runs")
    async def run(request: Request, name: str, errand: str) -> Response:
        caller = require(request, desk, ADMIN)
        await require_deployment(store, name)
        body = await json_object(request, any_type=True)
        targets = [
            ErrandTarget(str(one.get("group") or ""), str(one.get("id") or "")) for one in hashes(body, "instances")
        ]
        wanted = ErrandRequest(
            name, errand, bool(body.get("keep-alive")), bool(body.get("when-changed")), tuple(targets), caller.name
        )
        task = await desk.task(
            "run_errand",
            f"run errand {errand} from deployment {name}",
            msgspec.to_builtins(wanted),
            deployment=name,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    return router
