"""That quotas hold: called after a change, in its transaction; an ApiError takes the change back.

Changes that count against one organization's quota wait for each other, so that two at once cannot both fit into the last place.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import ApiError, unprocessable
from paas.cloud_controller.schema import (
    domains,
    organization_quotas,
    organizations,
    routes,
    service_bindings,
    service_instances,
    space_quotas,
    spaces,
    tasks,
)
from paas.database.transaction import Transaction

RUNNING_TASKS = ("PENDING", "RUNNING", "CANCELING")


class Place:
    """A space with its quota and its organization's; both as ``{kind: {limit: value}}``."""

    def __init__(self, row: sa.Row[Any]) -> None:
        self.space: str = row.guid
        self.space_name: str = row.name
        self.organization: str = row.organization_guid
        self.organization_name: str = row.organization_name
        self._space = {"apps": row.space_apps, "services": row.space_services, "routes": row.space_routes}
        self._organization = {"apps": row.apps, "services": row.services, "routes": row.routes}

    def limits(self, kind: str, name: str) -> list[tuple[str, int]]:
        """``("space", limit)`` and ``("organization", limit)``, those there are; the space's first."""
        found = [("space", self._space[kind]), ("organization", self._organization[kind])]
        return [(scope, values[name]) for scope, values in found if values and values.get(name) is not None]

    def limit(self, scope: str, kind: str, name: str) -> int | None:
        """One limit; None where there is none."""
        return dict(self.limits(kind, name)).get(scope)

    def paid_allowed(self) -> bool:
        """Whether neither quota forbids plans that cost."""
        both = (self._space["services"], self._organization["services"])
        return all((values or {}).get("paid_services_allowed") is not False for values in both)

    def within(self, scope: str) -> sa.ColumnElement[bool]:
        """The spaces that count, of a select that has spaces in it."""
        if scope == "space":
            return spaces.c.guid == self.space
        return spaces.c.organization_guid == self.organization


async def place_of(db: Transaction, space: str) -> Place:
    """With the organization's row locked against others that count."""
    await db.execute(
        sa.select(organizations.c.guid)
        .where(
            organizations.c.guid
            == sa.select(spaces.c.organization_guid).where(spaces.c.guid == space).scalar_subquery()
        )
        .with_for_update(key_share=True)
    )
    select = (
        sa.select(
            spaces.c.guid,
            spaces.c.name,
            spaces.c.organization_guid,
            organizations.c.name.label("organization_name"),
            organization_quotas.c.apps,
            organization_quotas.c.services,
            organization_quotas.c.routes,
            space_quotas.c.apps.label("space_apps"),
            space_quotas.c.services.label("space_services"),
            space_quotas.c.routes.label("space_routes"),
        )
        .select_from(
            spaces.join(organizations, organizations.c.guid == spaces.c.organization_guid)
            .outerjoin(organization_quotas, organization_quotas.c.guid == organizations.c.quota_guid)
            .outerjoin(space_quotas, space_quotas.c.guid == spaces.c.quota_guid)
        )
        .where(spaces.c.guid == space)
    )
    return Place((await db.execute(select)).one())


async def check_task(db: Transaction, space: str, app: str, memory: int) -> None:
    """A task that was just put down: its memory, and how many its app has."""
    place = await place_of(db, space)
    for scope, limit in place.limits("apps", "per_process_memory_in_mb"):
        if memory > limit:
            prefix = "space_" if scope == "space" else ""
            raise unprocessable(f"memory_in_mb {prefix}instance_memory_limit_exceeded")
    if limits := place.limits("apps", "per_app_tasks"):
        count = sa.select(sa.func.count()).where(tasks.c.app_guid == app, tasks.c.state.in_(RUNNING_TASKS))
        running = await db.scalar(count)
        for _, limit in limits:
            if running > limit:
                raise unprocessable("app_task_limit quota exceeded")


async def check_routes(db: Transaction, space: str) -> None:
    """The number of routes, one that was just made among them."""
    place = await place_of(db, space)
    for scope, limit in place.limits("routes", "total_routes"):
        count = (
            sa.select(sa.func.count())
            .select_from(routes.join(spaces, spaces.c.guid == routes.c.space_guid))
            .where(place.within(scope))
        )
        if await db.scalar(count) > limit:
            name = place.space_name if scope == "space" else place.organization_name
            raise unprocessable(f"Routes quota exceeded for {scope} '{name}'.")


async def check_service_instances(db: Transaction, space: str, *, free: bool) -> None:
    """The number of managed instances, one that was just made among them, and whether its plan may cost."""
    place = await place_of(db, space)
    if not free and not place.paid_allowed():
        raise ApiError(
            400,
            60007,
            "CF-ServiceInstanceServicePlanNotAllowed",
            "The service instance cannot be created because paid service plans are not allowed.",
        )
    for scope, limit in place.limits("services", "total_service_instances"):
        count = (
            sa.select(sa.func.count())
            .select_from(service_instances.join(spaces, spaces.c.guid == service_instances.c.space_guid))
            .where(place.within(scope), service_instances.c.type == "managed")
        )
        if await db.scalar(count) > limit:
            raise _services_exceeded(scope)


def _services_exceeded(scope: str) -> ApiError:
    if scope == "space":
        return ApiError(
            400,
            60012,
            "CF-ServiceInstanceSpaceQuotaExceeded",
            "You have exceeded your space's services limit.",
        )
    return ApiError(
        400, 60005, "CF-ServiceInstanceQuotaExceeded", "You have exceeded your organization's services limit."
    )


async def check_service_keys(db: Transaction, space: str) -> None:
    """The number of keys, one that was just made among them."""
    place = await place_of(db, space)
    for scope, limit in place.limits("services", "total_service_keys"):
        count = (
            sa.select(sa.func.count())
            .select_from(
                service_bindings.join(
                    service_instances, service_instances.c.guid == service_bindings.c.instance_guid
                ).join(spaces, spaces.c.guid == service_instances.c.space_guid)
            )
            .where(place.within(scope), service_bindings.c.type == "key")
        )
        if await db.scalar(count) > limit:
            raise unprocessable(f"You have exceeded your {scope}'s limit for service binding of type key.")


async def check_domains(db: Transaction, organization: str) -> None:
    """The number of private domains, one that was just made among them."""
    select = (
        sa.select(organizations.c.name, organization_quotas.c.domains)
        .select_from(organizations.outerjoin(organization_quotas))
        .where(organizations.c.guid == organization)
        .with_for_update(of=organizations, key_share=True)
    )
    row = (await db.execute(select)).one()
    limit = (row.domains or {}).get("total_domains")
    if limit is None:
        return
    count = sa.select(sa.func.count()).where(domains.c.organization_guid == organization)
    if await db.scalar(count) > limit:
        raise unprocessable(f'The number of private domains exceeds the quota for organization "{row.name}"')
