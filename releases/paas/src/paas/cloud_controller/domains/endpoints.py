"""``/v3/domains``."""

from __future__ import annotations

import re
from typing import Annotated, Any

import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, organization_powers
from paas.cloud_controller.api.body import Body, Metadata, ToMany, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, answer_list
from paas.cloud_controller.domains.access import usable_in, visible
from paas.cloud_controller.domains.present import present, present_all
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.organizations.endpoints import need_organization
from paas.cloud_controller.outbox.put import routes_changed
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.quotas.enforce import check_domains
from paas.cloud_controller.schema import destinations, domains, domains_shared_organizations, routes, spaces

LISTING = Listing(
    domains,
    {
        "names": lambda values: domains.c.name.in_([value.lower() for value in values]),
        "organization_guids": lambda values: sa.or_(*[_owned(value) for value in values]),
    },
    order=("name",),
)
_DOMAIN = re.compile(r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")

DomainName = Annotated[str, Meta(min_length=3, max_length=253)]


def _owned(organization: str) -> sa.ColumnElement[bool]:
    shared = sa.select(domains_shared_organizations.c.domain_guid).where(
        domains_shared_organizations.c.organization_guid == organization
    )
    return sa.or_(domains.c.organization_guid == organization, domains.c.guid.in_(shared))


class Relationships(Body, frozen=True, kw_only=True):
    """Whose domain it is, and who else may use it."""

    organization: ToOne | None = None
    shared_organizations: ToMany = ToMany(data=[])


class Create(Body, frozen=True, kw_only=True):
    """A new domain: of one organization, or (for admins) of all."""

    name: DomainName
    internal: bool | None = None
    router_group: dict[str, Any] | None = None
    relationships: Relationships = Relationships()
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed."""

    metadata: Metadata | UnsetType = UNSET


async def need_domain(call: Call, *, write: bool = False) -> sa.Row[Any]:
    """The domain in the path; 404, or 403 where the user may not change it."""
    select = sa.select(domains).where(domains.c.guid == call.path(), visible(call.who))
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found("Domain")
    if write:
        await _need_owner(call, row.organization_guid)
    return row


async def _need_owner(call: Call, organization: str | None) -> None:
    if organization is None:
        need_admin(call)
        return
    powers = await organization_powers(call.db, call.who, organization)
    if powers is None or not powers.read:
        raise unprocessable(f"Organization with guid '{organization}' does not exist or you do not have access to it.")
    if not powers.manage:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))


async def index(call: Call) -> Response:
    """Shared ones, and those of the user's organizations."""
    return await answer_list(call, LISTING, sa.select(domains).where(visible(call.who)), present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(await present(call, await need_domain(call)))


async def of_organization(call: Call) -> Response:
    """Those below which an organization may make routes."""
    row, _ = await need_organization(call, call.path())
    return await answer_list(call, LISTING, sa.select(domains).where(usable_in(row.guid)), present_all)


async def default(call: Call) -> Response:
    """Where routes are made when nothing else is said: the first of the platform's domains for apps, else any that may be used."""
    organization, _ = await need_organization(call, call.path())
    row = await default_domain(call, organization.guid)
    if row is None:
        raise not_found("Domain")
    return answer(await present(call, row))


async def default_domain(call: Call, organization: str) -> sa.Row[Any] | None:
    """The row; None where the organization may use no domain at all."""
    first = [name.lower() for name in call.platform.config.app_domains]
    place = (
        sa.case({name: index for index, name in enumerate(first)}, value=domains.c.name, else_=len(first))
        if first
        else sa.literal(0)
    )
    select = (
        sa.select(domains)
        .where(usable_in(organization), domains.c.internal.is_(False))
        .order_by(domains.c.organization_guid.is_not(None), place, domains.c.created_at)
        .limit(1)
    )
    return (await call.db.execute(select)).first()


async def create(call: Call) -> Response:
    """Make one."""
    body = await call.body(Create)
    name = body.name.lower()
    owner = None if body.relationships.organization is None else body.relationships.organization.data.guid
    shared = body.relationships.shared_organizations.guids
    if body.router_group is not None:
        raise unprocessable("Router groups are not offered: domains of this platform serve HTTP only")
    if body.internal and owner:
        raise unprocessable("Cannot associate an internal domain with an organization")
    if shared and not owner:
        raise unprocessable("Relationships cannot contain shared_organizations without an owning organization.")
    if owner in shared:
        raise unprocessable("Domain cannot be shared with owning organization.")
    await _need_owner(call, owner)
    if owner is not None:
        await need_flag(call.db, call.who, "private_domain_creation")
    if not _DOMAIN.match(name):
        raise unprocessable(
            "Name does not comply with RFC 1035 standards: labels of letters, digits and hyphens, two at least"
        )
    await _free(call, name, owner)
    values = {
        "name": name,
        "internal": bool(body.internal),
        "organization_guid": owner,
        **merged_labels({}, {}, body.metadata),
    }
    row = (await call.db.execute(sa.insert(domains).values(values).returning(domains))).one()
    if owner is not None:
        await check_domains(call.db, owner)
        await _share(call, row.guid, shared)
    return answer(await present(call, row), 201)


async def _free(call: Call, name: str, owner: str | None) -> None:
    config = call.platform.config
    taken = (await call.db.execute(sa.select(domains.c.name).where(domains.c.name == name))).first()
    if taken is not None:
        raise uniqueness(f'The domain name "{name}" is already in use')
    system = config.system_domain.lower()
    if owner is not None and (name == system or name.endswith(f".{system}")):
        raise unprocessable(f'The "{name}" domain is reserved and cannot be used for org-scoped domains.')
    parts = name.split(".")
    above = [".".join(parts[begin:]) for begin in range(1, len(parts) - 1)]
    select = sa.select(domains.c.name).where(
        sa.or_(
            sa.and_(domains.c.name.in_(above), domains.c.organization_guid.is_not(None)),
            sa.and_(domains.c.name.endswith(f".{name}", autoescape=True), domains.c.organization_guid.is_not(None)),
        ),
        domains.c.organization_guid.is_distinct_from(owner),
    )
    if (other := await call.db.scalar(select.limit(1))) is not None:
        raise unprocessable(
            f'The domain name "{name}" cannot be created because "{other}" is already reserved by another domain'
        )
    url = routes.c.host + "." + domains.c.name
    select = sa.select(url).select_from(routes.join(domains)).where(url == name)
    if (route := await call.db.scalar(select.limit(1))) is not None:
        raise unprocessable(
            f'The domain name "{name}" cannot be created because "{route}" is already reserved by a route'
        )


async def update(call: Call) -> Response:
    """Label."""
    row = await need_domain(call, write=True)
    body = await call.body(Change)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(domains).where(domains.c.guid == row.guid).values(values).returning(domains)
    return answer(await present(call, (await call.db.execute(change)).one()))


async def delete(call: Call) -> Response:
    """Delete it and its routes, as a job."""
    row = await need_domain(call, write=True)
    shared = sa.select(domains_shared_organizations).where(domains_shared_organizations.c.domain_guid == row.guid)
    if (await call.db.execute(shared.limit(1))).first() is not None:
        raise unprocessable("This domain is shared with other organizations. Unshare before deleting.")
    return accepted(call, await enqueue(call.db, "domain.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job: routes below it go too, and their apps' addresses."""
    async with platform.database.begin() as db:
        below = sa.select(routes.c.guid).where(routes.c.domain_guid == job.resource_guid)
        led = sa.select(destinations.c.app_guid).where(destinations.c.route_guid.in_(below)).distinct()
        apps = list(await db.scalars(led))
        await db.execute(sa.delete(routes).where(routes.c.domain_guid == job.resource_guid))
        await db.execute(sa.delete(domains).where(domains.c.guid == job.resource_guid))
        await routes_changed(db, apps)
    return Done()


async def share(call: Call) -> Response:
    """Let other organizations use a private domain."""
    row = await need_domain(call, write=True)
    body = await call.body(ToMany)
    if row.organization_guid is None:
        raise unprocessable(
            "Domains cannot be shared with other organizations unless they are scoped to an organization."
        )
    if row.organization_guid in body.guids:
        raise unprocessable("Domain cannot be shared with owning organization.")
    await _share(call, row.guid, body.guids)
    link = domains_shared_organizations
    found = await call.db.scalars(sa.select(link.c.organization_guid).where(link.c.domain_guid == row.guid))
    return answer({"data": [{"guid": guid} for guid in found]})


async def _share(call: Call, domain: str, guids: list[str]) -> None:
    for guid in guids:
        await _need_owner(call, guid)
    if guids:
        rows = [{"domain_guid": domain, "organization_guid": guid} for guid in guids]
        await call.db.execute(insert(domains_shared_organizations).values(rows).on_conflict_do_nothing())


async def unshare(call: Call) -> Response:
    """Take it away from one again."""
    row = await need_domain(call)
    organization = call.path("organization")
    owner, other = row.organization_guid, await organization_powers(call.db, call.who, organization)
    mine = await organization_powers(call.db, call.who, owner) if owner else None
    if not ((mine and mine.manage) or (other and other.manage)):
        raise not_authorized()
    link = domains_shared_organizations
    gone = sa.delete(link).where(link.c.domain_guid == row.guid, link.c.organization_guid == organization)
    if not (await call.db.execute(gone)).rowcount:
        raise unprocessable(
            f"Unable to unshare domain from organization with guid '{organization}'. "
            "Ensure the domain is shared to this organization."
        )
    used = sa.select(routes.c.guid).where(routes.c.domain_guid == row.guid, _in(organization)).limit(1)
    if await call.db.scalar(used):
        raise unprocessable(
            "This domain has associated routes in this organization. Delete the routes before unsharing."
        )
    return Response(status_code=204)


def _in(organization: str) -> sa.ColumnElement[bool]:
    return routes.c.space_guid.in_(sa.select(spaces.c.guid).where(spaces.c.organization_guid == organization))


ENDPOINTS = [
    Endpoint("GET", "/v3/domains", index),
    Endpoint("POST", "/v3/domains", create),
    Endpoint("GET", "/v3/domains/{guid}", show),
    Endpoint("PATCH", "/v3/domains/{guid}", update),
    Endpoint("DELETE", "/v3/domains/{guid}", delete),
    Endpoint("POST", "/v3/domains/{guid}/relationships/shared_organizations", share),
    Endpoint("DELETE", "/v3/domains/{guid}/relationships/shared_organizations/{organization}", unshare),
    Endpoint("GET", "/v3/organizations/{guid}/domains", of_organization),
    Endpoint("GET", "/v3/organizations/{guid}/domains/default", default),
]
WORKS = {"domain.delete": delete_work}
