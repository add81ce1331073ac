"""``/v3/stacks``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer, empty
from paas.cloud_controller.api.errors import not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list, flag
from paas.cloud_controller.api.present import resource
from paas.cloud_controller.apps.present import present_apps
from paas.cloud_controller.schema import apps, stacks

LISTING = Listing(stacks, {"names": among(stacks.c.name), "default": flag(stacks.c.is_default)}, order=("name",))


class NewStack(Body, frozen=True, kw_only=True):
    """``POST /v3/stacks``."""

    name: str
    description: str | None = None
    metadata: Metadata | UnsetType = UNSET


class StackChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/stacks/G``."""

    metadata: Metadata | UnsetType = UNSET


def _present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    fields = {
        "name": row.name,
        "description": row.description,
        "build_rootfs_image": row.name,
        "run_rootfs_image": row.name,
        "default": row.is_default,
        "state": "ACTIVE",
    }
    return resource(call, row, f"/v3/stacks/{row.guid}", fields)


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [_present(call, row) for row in rows]


async def _stack(call: Call) -> sa.Row[Any]:
    row = (await call.db.execute(sa.select(stacks).where(stacks.c.guid == call.path()))).first()
    if row is None:
        raise not_found("Stack")
    return row


async def index(call: Call) -> Response:
    """All, for everybody."""
    return await answer_list(call, LISTING, sa.select(stacks), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(_present(call, await _stack(call)))


async def create(call: Call) -> Response:
    """The DEAs must have it."""
    need_admin(call)
    body = await call.body(NewStack)
    if not body.name or len(body.name) > 250:
        raise unprocessable("Name must have 1 to 250 characters")
    if await call.db.scalar(sa.select(stacks.c.guid).where(stacks.c.name == body.name)) is not None:
        raise uniqueness("Name must be unique")
    values = {"name": body.name, "description": body.description or "", **merged_labels({}, {}, body.metadata)}
    row = (await call.db.execute(sa.insert(stacks).values(values).returning(stacks))).one()
    return answer(_present(call, row), 201)


async def update(call: Call) -> Response:
    """Labels."""
    need_admin(call)
    row = await _stack(call)
    body = await call.body(StackChange)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    changed = sa.update(stacks).where(stacks.c.guid == row.guid).values(values).returning(stacks)
    return answer(_present(call, (await call.db.execute(changed)).one()))


async def delete(call: Call) -> Response:
    """Not while apps are for it."""
    need_admin(call)
    row = await _stack(call)
    if await call.db.scalar(sa.select(apps.c.guid).where(apps.c.stack == row.name).limit(1)) is not None:
        raise unprocessable("Cannot delete stack because apps are currently using the stack.")
    await call.db.execute(sa.delete(stacks).where(stacks.c.guid == row.guid))
    return empty()


async def apps_of(call: Call) -> Response:
    """Apps that are for it, as far as the user reads them."""
    from paas.cloud_controller.apps.endpoints import LISTING as APPS

    row = await _stack(call)
    mine = [apps.c.stack == row.name]
    if row.is_default:
        mine.append(apps.c.stack.is_(None))
    select = sa.select(apps).where(sa.or_(*mine), apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, APPS, select, present_apps)


ENDPOINTS = [
    Endpoint("GET", "/v3/stacks", index),
    Endpoint("POST", "/v3/stacks", create),
    Endpoint("GET", "/v3/stacks/{guid}", show),
    Endpoint("PATCH", "/v3/stacks/{guid}", update),
    Endpoint("DELETE", "/v3/stacks/{guid}", delete),
    Endpoint("GET", "/v3/stacks/{guid}/apps", apps_of),
]
