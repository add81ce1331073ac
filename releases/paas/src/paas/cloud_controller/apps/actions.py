"""``/v3/apps/G/actions``: start, stop, restart."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.apps.present import present_app
from paas.cloud_controller.apps.wanted import restart_app, start_app, stop_app
from paas.cloud_controller.deployments.end import end_deployments
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.schema import apps, builds


async def _app(call: Call) -> sa.Row[Any]:
    row = await need_in(call, apps, call.path(), "operate")
    # one at a time: a start beside a stop leaves one of the two, never a mixture
    return (await call.db.execute(sa.select(apps).where(apps.c.guid == row.guid).with_for_update())).one()


async def _changed(call: Call, row: sa.Row[Any], verb: str) -> Response:
    await record(call.db, call.who, f"audit.app.{verb}", Target("app", row.guid, row.name), space=row.space_guid)
    changed = (await call.db.execute(sa.select(apps).where(apps.c.guid == row.guid))).one()
    return answer(present_app(call, changed))


async def start(call: Call) -> Response:
    """Have it run; nothing where it is started."""
    row = await _app(call)
    await start_app(call.db, row)
    return await _changed(call, row, "start")


async def stop(call: Call) -> Response:
    """Have it run no more; a deployment that is under way ends."""
    row = await _app(call)
    await end_deployments(call.db, row.guid)
    await stop_app(call.db, row.guid)
    return await _changed(call, row, "stop")


async def restart(call: Call) -> Response:
    """Have new instances instead of those that run."""
    row = await _app(call)
    await end_deployments(call.db, row.guid)
    await restart_app(call.db, row)
    return await _changed(call, row, "restart")


async def clear_cache(call: Call) -> Response:
    """What buildpacks kept of the app for its next staging is forgotten."""
    row = await need_in(call, apps, call.path(), "develop")
    found = await call.db.scalars(sa.select(builds.c.stack).where(builds.c.app_guid == row.guid).distinct())
    caches = [f"buildpack_cache/{row.guid}-{stack}" for stack in found if stack]
    job = await enqueue(call.db, "blob.delete", payload={"blobs": caches}, user=call.who.guid)
    return accepted(call, job)


ENDPOINTS = [
    Endpoint("POST", "/v3/apps/{guid}/actions/clear_buildpack_cache", clear_cache),
    Endpoint("POST", "/v3/apps/{guid}/actions/start", start),
    Endpoint("POST", "/v3/apps/{guid}/actions/stop", stop),
    Endpoint("POST", "/v3/apps/{guid}/actions/restart", restart),
]
