"""``/v3/buildpacks``: everybody sees them, admins make and change them."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_found, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.present import resource
from paas.cloud_controller.buildpacks.position import close_gap, lock_order, move, room_at
from paas.cloud_controller.jobs.job import Done, Job, Outcome, Work
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import buildpacks, stacks

LISTING = Listing(
    buildpacks,
    {
        "names": among(buildpacks.c.name),
        "stacks": among(buildpacks.c.stack),
        "lifecycle": among(buildpacks.c.lifecycle),
    },
    order=("position", "name"),
    default_order="position",
)


class NewBuildpack(Body, frozen=True, kw_only=True):
    """``POST /v3/buildpacks``."""

    name: str
    stack: str | None = None
    position: int = 1
    enabled: bool = True
    locked: bool = False
    lifecycle: Literal["buildpack"] = "buildpack"
    metadata: Metadata | UnsetType = UNSET


class BuildpackChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/buildpacks/G``."""

    name: str | UnsetType = UNSET
    stack: str | UnsetType | None = UNSET
    position: int | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


def present_buildpack(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One buildpack."""
    path = f"/v3/buildpacks/{row.guid}"
    fields = {
        "name": row.name,
        "stack": row.stack,
        "state": row.state,
        "filename": row.filename,
        "position": row.position,
        "enabled": row.enabled,
        "locked": row.locked,
        "lifecycle": row.lifecycle,
    }
    return resource(call, row, path, fields, links={"upload": call.link(f"{path}/upload", "POST")})


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [present_buildpack(call, row) for row in rows]


async def the_buildpack(call: Call, *, lock: bool = False) -> sa.Row[Any]:
    """That of the path; 404 otherwise."""
    select = sa.select(buildpacks).where(buildpacks.c.guid == call.path())
    row = (await call.db.execute(select.with_for_update() if lock else select)).first()
    if row is None:
        raise not_found("Buildpack")
    return row


async def index(call: Call) -> Response:
    """All, in their order."""
    return await answer_list(call, LISTING, sa.select(buildpacks), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(present_buildpack(call, await the_buildpack(call)))


async def create(call: Call) -> Response:
    """Its content is uploaded afterwards."""
    need_admin(call)
    body = await call.body(NewBuildpack)
    _check_name(body.name)
    _check_position(body.position)
    await lock_order(call.db)
    await check_unique(call, body.name, body.stack)
    values = {
        "name": body.name,
        "stack": body.stack,
        "position": await room_at(call.db, body.position),
        "enabled": body.enabled,
        "locked": body.locked,
        **merged_labels({}, {}, body.metadata),
    }
    row = (await call.db.execute(sa.insert(buildpacks).values(values).returning(buildpacks))).one()
    return answer(present_buildpack(call, row), 201)


async def check_unique(call: Call, name: str, stack: str | None, but: str = "") -> None:
    """422 where the stack is unknown, or another buildpack has the name for it."""
    if stack is not None and await call.db.scalar(sa.select(stacks.c.guid).where(stacks.c.name == stack)) is None:
        raise unprocessable(f"Stack '{stack}' does not exist")
    same = sa.and_(buildpacks.c.name == name, buildpacks.c.stack.is_not_distinct_from(stack), buildpacks.c.guid != but)
    if await call.db.scalar(sa.select(buildpacks.c.guid).where(same)) is not None:
        what = f"stack '{stack}'" if stack else "unassigned stack"
        raise unprocessable(f"Buildpack with name '{name}' and {what} already exists")


def _check_name(name: str) -> None:
    if not name or len(name) > 250 or not all(one.isalnum() or one in "_-" for one in name):
        raise unprocessable(
            "Name can only contain alphanumeric characters, dashes and underscores, at most 250 of them"
        )


def _check_position(position: int) -> None:
    if position < 1:
        raise unprocessable("Position must be greater than or equal to 1")


async def update(call: Call) -> Response:
    """Name, stack, order, whether it is used."""
    need_admin(call)
    await lock_order(call.db)
    row = await the_buildpack(call, lock=True)
    body = await call.body(BuildpackChange)
    values: dict[str, Any] = {
        name: getattr(body, name) for name in ("name", "stack", "enabled", "locked") if getattr(body, name) is not UNSET
    }
    if "name" in values:
        _check_name(values["name"])
    if "stack" in values and row.stack is not None and values["stack"] != row.stack:
        raise unprocessable("Buildpack stack can not be changed")
    await check_unique(call, values.get("name", row.name), values.get("stack", row.stack), row.guid)
    values |= merged_labels(row.labels, row.annotations, body.metadata)
    await call.db.execute(sa.update(buildpacks).where(buildpacks.c.guid == row.guid).values(values))
    if body.position is not UNSET and body.position != row.position:
        _check_position(body.position)
        await move(call.db, row.guid, row.position, body.position)
    return answer(present_buildpack(call, await the_buildpack(call)))


async def delete(call: Call) -> Response:
    """By a job."""
    need_admin(call)
    row = await the_buildpack(call)
    return accepted(call, await enqueue(call.db, "buildpack.delete", row.guid, user=call.who.guid))


async def deleted(platform: Platform, job: Job) -> Outcome:
    """The job ``buildpack.delete``."""
    async with platform.database.begin() as db:
        await lock_order(db)
        gone = await db.execute(
            sa.delete(buildpacks)
            .where(buildpacks.c.guid == job.resource_guid)
            .returning(buildpacks.c.position, buildpacks.c.key)
        )
        row = gone.first()
        if row is not None:
            await close_gap(db, row.position)
    if row is not None and row.key:
        await platform.blobs.delete(f"buildpacks/{row.key}")
    return Done()


ENDPOINTS = [
    Endpoint("GET", "/v3/buildpacks", index),
    Endpoint("POST", "/v3/buildpacks", create),
    Endpoint("GET", "/v3/buildpacks/{guid}", show),
    Endpoint("PATCH", "/v3/buildpacks/{guid}", update),
    Endpoint("DELETE", "/v3/buildpacks/{guid}", delete),
]
WORKS: dict[str, Work] = {"buildpack.delete": deleted}
