"""``/v3/jobs``."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.api.present import resource
from paas.cloud_controller.schema import jobs


async def show(call: Call) -> Response:
    """How a job stands. Whoever has its guid may see it: that is random, and says nothing of the resource's content."""
    row = (await call.db.execute(sa.select(jobs).where(jobs.c.guid == call.path()))).first()
    if row is None:
        raise not_found("Job")
    links = {}
    kind = row.operation.partition(".")[0]
    if row.resource_guid and kind in ("app", "space", "organization", "package", "buildpack", "route", "domain"):
        links[f"{kind}s"] = f"/v3/{kind}s/{row.resource_guid}"
    if row.resource_guid and kind in ("service_broker", "service_instance"):
        links[f"{kind}s"] = f"/v3/{kind}s/{row.resource_guid}"
    fields = {"operation": row.operation, "state": row.state, "errors": row.errors, "warnings": row.warnings}
    return answer(resource(call, row, f"/v3/jobs/{row.guid}", fields, links=links))


ENDPOINTS = [Endpoint("GET", "/v3/jobs/{guid}", show)]
