"""/tasks (director API §4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from director.api.auth import ADMIN, LIST, READ, require
from director.api.desk import Desk
from director.api.replies import digits, json, json_object, number, row_key, texts, words
from director.engine.tasks import OPEN
from director.model.briefs import TaskBrief
from director.model.deployment import Document
from director.model.errors import BadRequest, DirectorError, Forbidden, NotFound
from director.model.rows import Task
from director.service.report import report

SHOWN = (
    "update_deployment",
    "delete_deployment",
    "update_release",
    "delete_release",
    "export_release",
    "update_stemcell",
    "delete_stemcell",
    "run_errand",
    "update_instance",
    "attach_disk",
    "create_snapshot",
    "snapshot_deployment",
    "delete_snapshot",
)
TYPES = ("event", "result", "debug", "cpi", "none")
SHORT = 128
PAGE = 500


def show(task: Task | TaskBrief) -> Document:
    """A task as the API gives it."""
    ended = task.state not in OPEN
    return {
        "id": task.id,
        "state": task.state,
        "description": task.description,
        "timestamp": int(task.finished_at) if ended and task.finished_at else None,
        "started_at": int(task.started_at) if task.started_at else None,
        "result": task.result[:SHORT] if task.result else task.result,
        "user": task.user,
        "deployment": task.deployment,
        "context_id": task.context_id,
    }


def routes(desk: Desk) -> APIRouter:
    """All task routes."""
    router = APIRouter()
    store = desk.house.store

    async def task_of(text: str) -> Task:
        number = digits(text)
        if number is None:
            raise NotFound(f"Task {text} not found", code=10000)
        return await desk.runner.get(number)

    async def brief_of(text: str) -> TaskBrief:
        key = row_key(text)
        found = await store.get(TaskBrief, key) if key else None
        if found is None:
            raise NotFound(f"Task {digits(text) if key else text} not found", code=10000)
        return found

    @router.get("/tasks")
    async def list_tasks(request: Request) -> Response:
        require(request, desk, LIST)
        where: dict[str, Any] = {}
        states = words(request, "state")
        if states:
            where["state"] = list(states)
        if request.query_params.get("deployment"):
            where["deployment"] = request.query_params["deployment"]
        if request.query_params.get("context_id"):
            where["context_id"] = request.query_params["context_id"]
        if request.query_params.get("verbose", "1") != "2":
            where["type"] = list(SHOWN)
        left, before = number(request, "limit"), None
        found: list[Document] = []
        while left is None or left > 0:
            page = PAGE if left is None else min(PAGE, left)
            rows = await store.find(TaskBrief, newest_first=True, limit=page, before=before, **where)
            found += [show(row) for row in rows]
            if len(rows) < page:
                break
            before = rows[-1].key
            left = None if left is None else left - page
        return json(found)

    @router.get("/tasks/{id}")
    async def one_task(request: Request, id: str) -> Response:
        require(request, desk, READ)
        return json(show(await brief_of(id)))

    @router.get("/tasks/{id}/output")
    async def output(request: Request, id: str) -> Response:
        kind = request.query_params.get("type", "debug")
        require(request, desk, READ if kind in ("event", "result", "none") else ADMIN)
        if kind not in TYPES:
            raise Forbidden(f"Unknown type {kind}: use one of {', '.join(TYPES)}")
        task = await brief_of(id)
        if kind == "none":
            return Response(status_code=204)
        if request.query_params.get("follow") == "true":
            return StreamingResponse(
                _follow(desk, task.id, kind), media_type="text/plain", headers={"X-Meristem-Follow": "1"}
            )
        return await _output(desk, request, task.id, kind)

    @router.get("/tasks/{id}/report")
    async def tell_report(request: Request, id: str) -> Response:
        require(request, desk, READ)
        return json(await report(store, await task_of(id)))

    @router.delete("/task/{id}")
    async def cancel(request: Request, id: str) -> Response:
        require(request, desk, ADMIN)
        try:
            await desk.runner.cancel((await task_of(id)).id)
        except BadRequest as error:
            return PlainTextResponse(error.message, status_code=400)
        return Response(status_code=204)

    @router.post("/tasks/cancel")
    async def cancel_many(request: Request) -> Response:
        require(request, desk, ADMIN)
        body = await json_object(request)
        states = texts(body, "states") or ("queued",)
        wrong = [one for one in states if one not in ("queued", "processing")]
        if wrong:
            raise BadRequest(
                f"Cannot cancel tasks in state {', '.join(wrong)}", code=40005, remedy="Use queued or processing"
            )
        where: dict[str, Any] = {"state": states}
        if body.get("deployment"):
            where["deployment"] = str(body["deployment"])
        types = texts(body, "types")
        if types:
            where["type"] = types
        for row in await store.find(Task, **where):
            try:
                await desk.runner.cancel(row.id)
            except DirectorError:
                continue  # it ended meanwhile
        return Response(status_code=204)

    return router


async def _output(desk: Desk, request: Request, id: int, kind: str) -> Response:
    store = desk.house.store
    span = _range(request.headers.get("range", ""))
    if span is None:
        data, total = await store.read_output(id, kind)
        return PlainTextResponse(data) if total else Response(status_code=204)
    start, limit = span
    if start < 0:
        _, total = await store.read_output(id, kind, 0, 1)
        start = max(total + start, 0)
    data, total = await store.read_output(id, kind, start, limit)
    if start >= total:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{total}"})
    end = start + len(data) - 1
    return PlainTextResponse(data, status_code=206, headers={"Content-Range": f"bytes {start}-{end}/{total}"})


def _range(header: str) -> tuple[int, int | None] | None:
    """First byte (negative: counted from the end) and length; None for no range, or one that is to be ignored (RFC 9110 §14.2)."""
    unit, _, span = header.partition("=")
    first, dash, last = (one.strip() for one in span.partition("-"))
    if unit.strip().lower() != "bytes" or not dash:
        return None
    start, end = digits(first), digits(last)
    if not first and end:
        return -end, None
    if start is None or (last and end is None) or (end is not None and end < start):
        return None
    return start, None if end is None else end - start + 1


async def _follow(desk: Desk, id: int, kind: str) -> AsyncGenerator[bytes]:
    """The output as it grows, until the task has ended; ends too when the client goes away."""
    store = desk.house.store
    offset = 0
    async for _ in store.follow(f"task/{id}"):
        task = await desk.runner.get(id)
        while True:
            data, _ = await store.read_output(id, kind, offset, 1 << 16)
            if not data:
                break
            offset += len(data)
            yield data
        if task.state not in OPEN:
            return
        await asyncio.sleep(0)
