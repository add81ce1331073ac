"""``/v3/revisions`` and ``/v3/apps/G/revisions``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import bad_query
from paas.cloud_controller.api.lists import Listing, Rows, answer_list
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.schema import apps, droplets, processes, revisions


def _versions(values: list[str]) -> sa.ColumnElement[bool]:
    if not all(value.isdecimal() and len(value) < 10 for value in values):
        raise bad_query("Versions must be whole numbers")
    return revisions.c.version.in_([int(value) for value in values])


def deployable() -> sa.ColumnElement[bool]:
    """Its droplet is still there."""
    staged = sa.select(droplets.c.guid).where(droplets.c.state == "STAGED")
    return sa.func.coalesce(revisions.c.droplet_guid.in_(staged), sa.false())


LISTING = Listing(
    revisions,
    {"versions": _versions, "deployable": lambda values: deployable().is_(values == ["true"])},
    order=("version",),
)


class RevisionChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/revisions/G``."""

    metadata: Metadata | UnsetType = UNSET


def _present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    path = f"/v3/revisions/{row.guid}"
    return resource(
        call,
        row,
        path,
        {
            "version": row.version,
            "droplet": {"guid": row.droplet_guid},
            "processes": {kind: {"command": command} for kind, command in row.commands.items()},
            "sidecars": [],
            "description": row.description,
            "deployable": row.deployable,
        },
        {"app": to_one(row.app_guid)},
        {"app": f"/v3/apps/{row.app_guid}", "environment_variables": f"{path}/environment_variables"},
    )


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [_present(call, row) for row in rows]


def _select() -> sa.Select[Any]:
    return sa.select(revisions, deployable().label("deployable"))


async def of_app(call: Call) -> Response:
    """All that are remembered."""
    row = await need_in(call, apps, call.path())
    return await answer_list(call, LISTING, _select().where(revisions.c.app_guid == row.guid), _present_all)


async def deployed(call: Call) -> Response:
    """Those that run."""
    row = await need_in(call, apps, call.path())
    running = sa.select(processes.c.revision_guid).where(processes.c.app_guid == row.guid, processes.c.instances > 0)
    mine = sa.and_(revisions.c.guid.in_(running), sa.literal(row.state == "STARTED"))
    return await answer_list(call, LISTING, _select().where(mine), _present_all)


async def show(call: Call) -> Response:
    """One."""
    await need_of_app(call, revisions, call.path(), "read", "Revision")
    return await _shown(call)


async def _shown(call: Call) -> Response:
    return answer(_present(call, (await call.db.execute(_select().where(revisions.c.guid == call.path()))).one()))


async def update(call: Call) -> Response:
    """Labels."""
    row = await need_of_app(call, revisions, call.path(), "develop", "Revision")
    values = merged_labels(row.labels, row.annotations, (await call.body(RevisionChange)).metadata)
    await call.db.execute(sa.update(revisions).where(revisions.c.guid == row.guid).values(values))
    return await _shown(call)


async def environment(call: Call) -> Response:
    """The user's variables as they were."""
    row = await need_of_app(call, revisions, call.path(), "secrets", "Revision")
    links = {
        "self": call.link(f"/v3/revisions/{row.guid}/environment_variables"),
        "revision": call.link(f"/v3/revisions/{row.guid}"),
        "app": call.link(f"/v3/apps/{row.app_guid}"),
    }
    return answer({"var": call.platform.sealer.open(row.environment), "links": links})


ENDPOINTS = [
    Endpoint("GET", "/v3/apps/{guid}/revisions", of_app),
    Endpoint("GET", "/v3/apps/{guid}/revisions/deployed", deployed),
    Endpoint("GET", "/v3/revisions/{guid}", show),
    Endpoint("PATCH", "/v3/revisions/{guid}", update),
    Endpoint("GET", "/v3/revisions/{guid}/environment_variables", environment),
]
