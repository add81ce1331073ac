"""``GET /bulk/apps``: all that is wanted, page by page, for the health manager."""

from __future__ import annotations

import base64
import binascii
import hmac

import msgspec
import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import bad_query, not_authenticated
from paas.cloud_controller.config import Bulk
from paas.cloud_controller.schema import apps, droplets, processes
from paas.messages.health import Desired, DesiredPage

MOST = 5000
DEFAULT = 500


class Token(msgspec.Struct, frozen=True):
    """The number of the last process of a page."""

    id: int = 0


def _let_in(given: str, bulk: Bulk) -> bool:
    kind, _, encoded = given.partition(" ")
    try:
        found = base64.b64decode(encoded, validate=True) if kind.lower() == "basic" else b""
    except binascii.Error:
        return False
    return hmac.compare_digest(found, f"{bulk.user}:{bulk.password}".encode())


async def bulk_apps(call: Call) -> Response:
    """Processes in the order they were made in: ``batch_size`` of them after ``bulk_token``."""
    if not _let_in(call.request.headers.get("authorization", ""), call.platform.config.bulk):
        raise not_authenticated()
    given = call.request.query_params
    try:
        token = msgspec.json.decode(given.get("bulk_token") or "{}", type=Token)
        size = max(1, min(MOST, int(given.get("batch_size") or DEFAULT)))
    except (msgspec.MsgspecError, ValueError):
        raise bad_query('bulk_token must be like {"id":0}, batch_size a number') from None
    droplet = sa.func.coalesce(processes.c.droplet_guid, apps.c.droplet_guid)
    select = (
        sa.select(
            processes.c.id,
            processes.c.guid,
            processes.c.instances,
            processes.c.memory_in_mb,
            processes.c.version,
            apps.c.state,
            droplets.c.state.label("droplet_state"),
            sa.func.greatest(processes.c.updated_at, apps.c.updated_at).label("changed"),
        )
        .select_from(
            processes.join(apps, apps.c.guid == processes.c.app_guid).outerjoin(droplets, droplets.c.guid == droplet)
        )
        .where(processes.c.id > token.id)
        .order_by(processes.c.id)
        .limit(size)
    )
    rows = (await call.db.execute(select)).all()
    results = {
        row.guid: Desired(
            id=row.guid,
            instances=row.instances,
            state=row.state,
            memory=row.memory_in_mb,
            package_state="STAGED" if row.droplet_state == "STAGED" else "PENDING",
            version=row.version,
            updated_at=row.changed.timestamp(),
        )
        for row in rows
    }
    return answer(DesiredPage(results=results, bulk_token={"id": rows[-1].id if rows else token.id}))


ENDPOINTS = [Endpoint("GET", "/bulk/apps", bulk_apps, open=True)]
