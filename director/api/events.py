"""/events: the audit trail (director API §8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, LIST, require
from director.api.desk import Desk
from director.api.replies import digits, hash_of, json, json_object, no_endpoint, row_key
from director.model.deployment import Document
from director.model.errors import BadRequest
from director.model.rows import EventRow
from director.ports.store import Changes

PAGE = 200
FILTERS = ("task", "deployment", "instance", "user", "action", "object_type", "object_name")


def routes(desk: Desk) -> APIRouter:
    """List, one, and write (for monitors' alerts)."""
    router = APIRouter()
    store = desk.house.store

    @router.get("/events")
    async def events(request: Request) -> Response:
        require(request, desk, LIST)
        query = request.query_params
        where: dict[str, Any] = {name: query[name] for name in FILTERS if query.get(name)}
        since, until = moment("after_time", query.get("after_time")), moment("before_time", query.get("before_time"))
        before = _before(query.get("before_id"))
        found: list[EventRow] = []
        while len(found) < PAGE:
            rows = await store.find(EventRow, newest_first=True, limit=PAGE, before=before, **where)
            found += [
                row
                for row in rows
                if (since is None or row.timestamp >= since + 1) and (until is None or row.timestamp < until)
            ]
            # ids grow with time, but for events that are told late, by a clock that went back
            if len(rows) < PAGE or (since is not None and rows[-1].timestamp < since - 86400):
                break
            before = rows[-1].key
        return json([show(row) for row in found[:PAGE]])

    @router.get("/events/{id}")
    async def event(request: Request, id: str) -> Response:
        require(request, desk, ADMIN)
        key = row_key(id)
        row = await store.get(EventRow, key) if key else None
        if row is None:
            raise no_endpoint(request)
        return json(show(row))

    @router.post("/events")
    async def write(request: Request) -> Response:
        caller = require(request, desk, ADMIN)
        body = await json_object(request)
        names = {key: _text(body, key) for key in ("action", "object_type", "object_name")}
        if not all(names.values()):
            raise BadRequest(
                "Action, object_type, object_name are required", code=40000, remedy="Send all three as text"
            )
        at = body.get("timestamp")
        told = moment("timestamp", str(at)) if at is not None else None
        row = EventRow(
            id=await store.next_id("events"),
            timestamp=desk.house.clock.now() if told is None else told,
            user=caller.name,
            deployment=_text(body, "deployment"),
            instance=_text(body, "instance"),
            error=_text(body, "error"),
            context=hash_of(body, "context"),
            action=names["action"] or "",
            object_type=names["object_type"] or "",
            object_name=names["object_name"],
        )
        await store.commit(Changes(put=(row,)))
        return Response(status_code=200)

    return router


def show(row: EventRow) -> Document:
    """An event as the API gives it: ids are strings, what is empty is left out."""
    entry = msgspec.structs.asdict(row)
    entry["id"] = str(row.id)
    entry["parent_id"] = str(row.parent_id) if row.parent_id else None
    entry["timestamp"] = int(row.timestamp)
    return {key: value for key, value in entry.items() if value is not None and value != ""}


def moment(name: str, text: str | None) -> float | None:
    """Epoch seconds or a date; 400 for anything else."""
    if not text:
        return None
    plain = text.removesuffix(" UTC")
    try:
        if plain.replace(".", "", 1).isascii() and plain.replace(".", "", 1).isdigit():
            seconds = float(plain)
            datetime.fromtimestamp(seconds, UTC)
            return seconds
        found = datetime.fromisoformat(plain)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        raise BadRequest(
            f"Invalid {name} parameter: '{text[:80]}'",
            code=40005,
            remedy="Give epoch seconds or 2026-01-31T12:00:00Z",
        ) from None


def _before(text: str | None) -> str | None:
    if not text:
        return None
    number = digits(text)
    if number is None:
        raise BadRequest(f"Query parameter 'before_id' is '{text[:80]}'", code=40000, remedy="Give an event's id")
    return f"{number:012d}"


def _text(body: Document, key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"'{key}' is not text", code=40000, remedy=f'Send "{key}": "..."')
    return value
