"""Makes routes, for the API and for manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.cloud_controller.api.errors import ApiError, uniqueness, unprocessable
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.config import Config
from paas.cloud_controller.domains.access import usable_in
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.quotas.enforce import check_routes
from paas.cloud_controller.schema import domains, organizations, routes, spaces
from paas.database.transaction import Transaction

HOST_CHARACTERS = 63
PATH_CHARACTERS = 128
NAME_CHARACTERS = 253
SYSTEM_HOSTS = ("api", "uaa", "login", "log-cache", "doppler", "loggregator", "ssh")
_HOST = re.compile(r"^([\w-]+|\*)$", re.ASCII)
_PATH = re.compile(r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/-]+$")


@dataclass(frozen=True)
class Wanted:
    """A route to be made: `path` with its slash, or empty."""

    domain: sa.Row[Any]
    host: str = ""
    path: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    labels: dict[str, Any] = field(default_factory=dict[str, Any])
    """Columns ``labels`` and ``annotations``."""

    @property
    def url(self) -> str:
        """Without scheme."""
        return f"{self.host}.{self.domain.name}{self.path}" if self.host else f"{self.domain.name}{self.path}"


async def make_route(db: Transaction, config: Config, who: Identity, space: str, wanted: Wanted) -> sa.Row[Any]:
    """The new row; ApiError with the texts that clients know. Whether `who` may do so in `space` has been checked."""
    await need_flag(db, who, "route_creation")
    _check_words(wanted)
    select = (
        sa.select(spaces, organizations.c.name.label("organization_name"))
        .select_from(spaces.join(organizations))
        .where(spaces.c.guid == space)
    )
    home = (await db.execute(select)).one()
    await _check_domain(db, config, who, home, wanted)
    put = (
        insert(routes)
        .values(
            host=wanted.host,
            path=wanted.path,
            options=wanted.options,
            domain_guid=wanted.domain.guid,
            space_guid=space,
            **wanted.labels,
        )
        .on_conflict_do_nothing(index_elements=["domain_guid", "host", "path"])
        .returning(routes)
    )
    row = (await db.execute(put)).first()
    if row is None:
        raise _exists(wanted)
    others = sa.select(routes.c.guid).where(
        routes.c.domain_guid == wanted.domain.guid, routes.c.host == wanted.host, routes.c.space_guid != space
    )
    if await db.scalar(others.limit(1)):
        raise unprocessable("Routes for this host and domain have been reserved for another space.")
    await check_routes(db, space)
    target = Target("route", row.guid, wanted.url)
    await record(db, who, "audit.route.create", target, space=space, data={"request": {"url": wanted.url}})
    return row


def _exists(wanted: Wanted) -> ApiError:
    host = f" with host '{wanted.host}'" if wanted.host else ""
    link = " and" if host else " with"
    path = f"{link} path '{wanted.path}'" if wanted.path else ""
    return uniqueness(f"Route already exists{host}{path} for domain '{wanted.domain.name}'.")


def _check_words(wanted: Wanted) -> None:
    if wanted.host and (len(wanted.host) > HOST_CHARACTERS or not _HOST.match(wanted.host)):
        raise unprocessable(
            'Host must be either "*" or contain only alphanumeric characters, "_", or "-", '
            f"and at most {HOST_CHARACTERS} characters"
        )
    if len(wanted.host) + len(wanted.domain.name) + 1 > NAME_CHARACTERS:
        raise unprocessable(f"Host combined with domain name must be no more than {NAME_CHARACTERS} characters.")
    if not wanted.path:
        return
    if not wanted.path.startswith("/"):
        raise unprocessable("Path must begin with /")
    if wanted.path == "/":
        raise unprocessable("Path cannot be exactly /")
    if "?" in wanted.path:
        raise unprocessable("Path cannot contain ?")
    if len(wanted.path) > PATH_CHARACTERS:
        raise unprocessable(f"Path is too long (maximum is {PATH_CHARACTERS} characters)")
    if not _PATH.match(wanted.path):
        raise unprocessable("Path is invalid.")


async def _check_domain(db: Transaction, config: Config, who: Identity, home: sa.Row[Any], wanted: Wanted) -> None:
    domain = wanted.domain
    usable = sa.select(domains.c.guid).where(domains.c.guid == domain.guid, usable_in(home.organization_guid))
    if await db.scalar(usable) is None:
        raise unprocessable(
            f"Invalid domain. Domain '{domain.name}' is not available in organization '{home.organization_name}'."
        )
    shared = domain.organization_guid is None
    if domain.internal:
        if wanted.host == "*":
            raise unprocessable("Wildcard hosts are not supported for internal domains.")
        if wanted.path:
            raise unprocessable("Paths are not supported for internal domains.")
    if shared and not wanted.host:
        raise unprocessable("Missing host. Routes in shared domains must have a host defined.")
    if shared and wanted.host == "*" and not who.admin:
        raise unprocessable(
            "You do not have sufficient permissions to create a route with a wildcard host on a domain "
            "not scoped to an organization."
        )
    if domain.name == config.system_domain.lower() and wanted.host.lower() in SYSTEM_HOSTS:
        raise unprocessable("Route conflicts with a reserved system route.")
    if wanted.host:
        other = sa.select(domains.c.guid).where(domains.c.name == f"{wanted.host}.{domain.name}".lower())
        if await db.scalar(other):
            raise unprocessable(f"Route conflicts with domain '{wanted.host}.{domain.name}'.")


async def split_url(db: Transaction, organization: str, url: str) -> tuple[sa.Row[Any], str, str]:
    """A route as a manifest writes it (``[HOST.]DOMAIN[/PATH]``): domain, host and path; the longest domain that fits."""
    name, slash, rest = url.partition("/")
    name = name.lower()
    labels = name.split(".")
    candidates = [".".join(labels[begin:]) for begin in range(len(labels))]
    select = sa.select(domains).where(domains.c.name.in_(candidates), usable_in(organization))
    found = {row.name: row for row in (await db.execute(select)).all()}
    # a host is one label: with two left over the domain is another one
    for begin, candidate in enumerate(candidates[:2]):
        if candidate in found:
            return found[candidate], labels[0] if begin else "", f"{slash}{rest}"
    raise unprocessable(
        f"The route '{url}' did not match any existing domains. Make its domain, or use one that `cf domains` shows."
    )
