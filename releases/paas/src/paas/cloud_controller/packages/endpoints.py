"""``/v3/packages`` and ``/v3/apps/G/packages``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import RedirectResponse, Response

from paas.blobs.errors import NoBlobError
from paas.cloud_controller.api.access import need_in, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import ApiError, unprocessable
from paas.cloud_controller.api.lists import Listing, among, answer_list
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Done, Job, Outcome, Work
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.packages.present import present_package, present_packages
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, packages, spaces

LISTING = Listing(
    packages,
    {
        "app_guids": among(packages.c.app_guid),
        "states": among(packages.c.state),
        "types": among(packages.c.type),
        "space_guids": among(apps.c.space_guid),
        "organization_guids": lambda values: apps.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
    },
)
DOWNLOAD_SECONDS = 600


class Relationships(Body, frozen=True, kw_only=True):
    """Of a new package."""

    app: ToOne


class NewPackage(Body, frozen=True, kw_only=True):
    """``POST /v3/packages``. Images of containers are not run here."""

    relationships: Relationships
    type: Literal["bits", "docker"] = "bits"
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    metadata: Metadata | UnsetType = UNSET


class PackageChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/packages/G``."""

    metadata: Metadata | UnsetType = UNSET


def select_packages() -> sa.Select[Any]:
    """With their apps."""
    return sa.select(packages).select_from(packages.join(apps, apps.c.guid == packages.c.app_guid))


async def index(call: Call) -> Response:
    """Of all spaces that the user reads."""
    select = select_packages().where(apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_packages)


async def of_app(call: Call) -> Response:
    """Of one app."""
    row = await need_in(call, apps, call.path())
    select = select_packages().where(packages.c.app_guid == row.guid)
    return await answer_list(call, LISTING, select, present_packages)


async def create(call: Call) -> Response:
    """It waits for its upload."""
    body = await call.body(NewPackage)
    if body.type == "docker":
        raise ApiError(403, 330001, "CF-FeatureDisabled", "Feature Disabled: diego_docker")
    guid = body.relationships.app.data.guid
    try:
        app = await need_in(call, apps, guid, "develop")
    except ApiError as error:
        if error.status != 404:
            raise
        raise unprocessable("App is invalid. Ensure it exists and you have access to it.") from None
    values: dict[str, Any] = {"app_guid": guid, "type": body.type, **merged_labels({}, {}, body.metadata)}
    source = call.query.one("source_guid")
    if source:
        await _check_source(call, source)
        values["state"] = "COPYING"
    row = (await call.db.execute(sa.insert(packages).values(values).returning(packages))).one()
    if source:
        await enqueue(call.db, "package.copy", row.guid, {"source": source}, user=call.who.guid)
    await record(
        call.db,
        call.who,
        "audit.app.package.create",
        Target("app", guid, app.name),
        space=app.space_guid,
        data={"package_guid": row.guid},
    )
    return answer(present_package(call, row), 201)


async def _check_source(call: Call, source: str) -> None:
    try:
        copied = await need_of_app(call, packages, source, "develop", "Package")
    except ApiError as error:
        if error.status != 404:
            raise
        raise unprocessable("Source package is invalid. Ensure it exists and you have access to it.") from None
    if copied.state != "READY":
        raise unprocessable(f"Source package is not ready: its state is {copied.state}")


async def copied(platform: Platform, job: Job) -> Outcome:
    """The job ``package.copy``."""
    source = job.payload["source"]
    mine = packages.c.guid == job.resource_guid
    try:
        with tempfile.TemporaryDirectory(dir=platform.config.data) as place:
            path = Path(place) / "package.zip"
            await platform.blobs.get(f"packages/{source}", path)
            carried = await platform.blobs.put(f"packages/{job.resource_guid}", path)
        values: dict[str, Any] = {"state": "READY", "sha256": carried.sha256, "size": carried.size}
    except NoBlobError:
        values = {"state": "FAILED", "error": "The package that was to be copied is gone"}
    async with platform.database.begin() as db:
        await db.execute(sa.update(packages).where(mine).values(values))
    return Done()


async def show(call: Call) -> Response:
    """One."""
    return answer(present_package(call, await need_of_app(call, packages, call.path(), "read", "Package")))


async def update(call: Call) -> Response:
    """Labels."""
    row = await need_of_app(call, packages, call.path(), "develop", "Package")
    body = await call.body(PackageChange)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    changed = sa.update(packages).where(packages.c.guid == row.guid).values(values).returning(packages)
    return answer(present_package(call, (await call.db.execute(changed)).one()))


async def download(call: Call) -> Response:
    """The archive, from the blobstore."""
    row = await need_of_app(call, packages, call.path(), "secrets", "Package")
    if row.state != "READY":
        raise unprocessable("Package has no bits to download.")
    return RedirectResponse(call.platform.blobs.signed_get(f"packages/{row.guid}", DOWNLOAD_SECONDS), 302)


async def delete(call: Call) -> Response:
    """By a job. Droplets made of it stay."""
    row = await need_of_app(call, packages, call.path(), "develop", "Package")
    await record(
        call.db,
        call.who,
        "audit.app.package.delete",
        Target("app", row.app_guid, row.app_name),
        space=row.space_guid,
        data={"package_guid": row.guid},
    )
    return accepted(call, await enqueue(call.db, "package.delete", row.guid, user=call.who.guid))


async def deleted(platform: Platform, job: Job) -> Outcome:
    """The job ``package.delete``."""
    async with platform.database.begin() as db:
        await db.execute(sa.delete(packages).where(packages.c.guid == job.resource_guid))
    await platform.blobs.delete(f"packages/{job.resource_guid}")
    return Done()


ENDPOINTS = [
    Endpoint("GET", "/v3/packages", index),
    Endpoint("GET", "/v3/apps/{guid}/packages", of_app),
    Endpoint("POST", "/v3/packages", create),
    Endpoint("GET", "/v3/packages/{guid}", show),
    Endpoint("PATCH", "/v3/packages/{guid}", update),
    Endpoint("DELETE", "/v3/packages/{guid}", delete),
    Endpoint("GET", "/v3/packages/{guid}/download", download),
]
WORKS: dict[str, Work] = {"package.delete": deleted, "package.copy": copied}
