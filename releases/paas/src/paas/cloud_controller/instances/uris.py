"""The addresses of a process: those of the routes that lead to it."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.schema import destinations, domains, processes, routes
from paas.database.transaction import Transaction


def url_column() -> sa.ColumnElement[str]:
    """A route's address without scheme: ``host.domain/path``, of a select over routes joined with domains."""
    host = sa.case((routes.c.host == "", ""), else_=routes.c.host + ".")
    return host + domains.c.name + routes.c.path


async def uris_of(db: Transaction, process: str) -> list[str]:
    """Of one process, in order."""
    select = (
        sa.select(url_column().label("url"))
        .select_from(
            processes.join(
                destinations,
                sa.and_(
                    destinations.c.app_guid == processes.c.app_guid, destinations.c.process_type == processes.c.type
                ),
            )
            .join(routes, routes.c.guid == destinations.c.route_guid)
            .join(domains, domains.c.guid == routes.c.domain_guid)
        )
        .where(processes.c.guid == process)
        .distinct()
        .order_by("url")
    )
    return list((await db.execute(select)).scalars())
