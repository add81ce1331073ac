"""``/v3/droplets``, those of apps and packages, and the current one of an app."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import RedirectResponse, Response

from paas.cloud_controller.api.access import need_in, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_found, unprocessable
from paas.cloud_controller.api.lists import Listing, among, answer_list
from paas.cloud_controller.api.present import to_one
from paas.cloud_controller.droplets.current import assign_droplet
from paas.cloud_controller.droplets.present import present_droplet, present_droplets
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Done, Job, Outcome, Work
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, deployments, droplets, packages, processes, spaces

LISTING = Listing(
    droplets,
    {
        "app_guids": among(droplets.c.app_guid),
        "package_guids": among(droplets.c.package_guid),
        "states": among(droplets.c.state),
        "current": lambda values: (apps.c.droplet_guid == droplets.c.guid).is_(values == ["true"]),
        "space_guids": among(apps.c.space_guid),
        "organization_guids": lambda values: apps.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
    },
)
DOWNLOAD_SECONDS = 600


class DropletChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/droplets/G``."""

    metadata: Metadata | UnsetType = UNSET
    image: str | UnsetType | None = UNSET


def select_droplets() -> sa.Select[Any]:
    """With their apps."""
    return sa.select(droplets).select_from(droplets.join(apps, apps.c.guid == droplets.c.app_guid))


async def index(call: Call) -> Response:
    """Of all spaces that the user reads."""
    select = select_droplets().where(apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_droplets)


async def of_app(call: Call) -> Response:
    """Of one app."""
    row = await need_in(call, apps, call.path())
    select = select_droplets().where(droplets.c.app_guid == row.guid)
    return await answer_list(call, LISTING, select, present_droplets)


async def of_package(call: Call) -> Response:
    """Of one package."""
    row = await need_of_app(call, packages, call.path(), "read", "Package")
    select = select_droplets().where(droplets.c.package_guid == row.guid)
    return await answer_list(call, LISTING, select, present_droplets)


async def show(call: Call) -> Response:
    """One."""
    return answer(present_droplet(call, await need_of_app(call, droplets, call.path(), "read", "Droplet")))


async def update(call: Call) -> Response:
    """Labels."""
    row = await need_of_app(call, droplets, call.path(), "develop", "Droplet")
    body = await call.body(DropletChange)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    changed = sa.update(droplets).where(droplets.c.guid == row.guid).values(values).returning(droplets)
    return answer(present_droplet(call, (await call.db.execute(changed)).one()))


async def current(call: Call) -> Response:
    """That which the app runs."""
    row = await need_in(call, apps, call.path())
    droplet = (await call.db.execute(sa.select(droplets).where(droplets.c.guid == row.droplet_guid))).first()
    if droplet is None:
        raise not_found("Droplet")
    return answer(present_droplet(call, droplet))


async def current_relationship(call: Call) -> Response:
    """The guid of that which the app runs."""
    row = await need_in(call, apps, call.path())
    if row.droplet_guid is None:
        raise not_found("Droplet")
    return answer(_relationship(call, row.guid, row.droplet_guid))


def _relationship(call: Call, app: str, droplet: str) -> dict[str, Any]:
    links = {
        "self": call.link(f"/v3/apps/{app}/relationships/current_droplet"),
        "related": call.link(f"/v3/apps/{app}/droplets/current"),
    }
    return {**to_one(droplet), "links": links}


async def assign(call: Call) -> Response:
    """Another droplet from the next start on."""
    row = await need_in(call, apps, call.path(), "develop")
    guid = (await call.body(ToOne)).data.guid
    droplet = (
        await call.db.execute(sa.select(droplets).where(droplets.c.guid == guid, droplets.c.app_guid == row.guid))
    ).first()
    if droplet is None:
        raise unprocessable("Unable to assign current droplet. Ensure the droplet exists and belongs to this app.")
    if droplet.state != "STAGED":
        raise unprocessable(f"Unable to assign current droplet: its state is {droplet.state}")
    active = sa.select(deployments.c.guid).where(deployments.c.app_guid == row.guid, deployments.c.status == "ACTIVE")
    if await call.db.scalar(active) is not None:
        raise unprocessable(
            "Unable to assign current droplet, the app has a deployment in progress. Wait for the deployment to complete or cancel it."
        )
    await assign_droplet(call.platform.config, call.db, row.guid, droplet)
    await record(
        call.db,
        call.who,
        "audit.app.droplet.mapped",
        Target("app", row.guid, row.name),
        space=row.space_guid,
        data={"request": {"droplet_guid": guid}},
    )
    return answer(_relationship(call, row.guid, guid))


async def download(call: Call) -> Response:
    """The archive, from the blobstore."""
    row = await need_of_app(call, droplets, call.path(), "secrets", "Droplet")
    return RedirectResponse(call.platform.blobs.signed_get(row.blob, DOWNLOAD_SECONDS), 302)


async def delete(call: Call) -> Response:
    """By a job; not the one that the app runs."""
    row = await need_of_app(call, droplets, call.path(), "develop", "Droplet")
    used = sa.select(processes.c.guid).where(processes.c.droplet_guid == row.guid)
    current = sa.select(apps.c.guid).where(apps.c.droplet_guid == row.guid)
    if await call.db.scalar(current) is not None or await call.db.scalar(used) is not None:
        raise unprocessable("The droplet is currently used: assign another one to the app before deleting this one.")
    await record(
        call.db,
        call.who,
        "audit.app.droplet.delete",
        Target("app", row.app_guid, row.app_name),
        space=row.space_guid,
        data={"droplet_guid": row.guid},
    )
    return accepted(call, await enqueue(call.db, "droplet.delete", row.guid, user=call.who.guid))


async def deleted(platform: Platform, job: Job) -> Outcome:
    """The job ``droplet.delete``."""
    async with platform.database.begin() as db:
        gone = sa.delete(droplets).where(droplets.c.guid == job.resource_guid).returning(droplets.c.blob)
        blob = (await db.execute(gone)).scalar_one_or_none()
    if blob:
        await platform.blobs.delete(blob)
    return Done()


ENDPOINTS = [
    Endpoint("GET", "/v3/droplets", index),
    Endpoint("GET", "/v3/apps/{guid}/droplets", of_app),
    Endpoint("GET", "/v3/packages/{guid}/droplets", of_package),
    Endpoint("GET", "/v3/droplets/{guid}", show),
    Endpoint("PATCH", "/v3/droplets/{guid}", update),
    Endpoint("DELETE", "/v3/droplets/{guid}", delete),
    Endpoint("GET", "/v3/droplets/{guid}/download", download),
    Endpoint("GET", "/v3/apps/{guid}/droplets/current", current),
    Endpoint("GET", "/v3/apps/{guid}/relationships/current_droplet", current_relationship),
    Endpoint("PATCH", "/v3/apps/{guid}/relationships/current_droplet", assign),
]
WORKS: dict[str, Work] = {"droplet.delete": deleted}
