"""``apply_manifest``, ``manifest_diff`` and ``GET /v3/apps/G/manifest``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
import yaml
from starlette.responses import Response

from paas.cloud_controller.api.access import need, need_in
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.manifests.compare import compare
from paas.cloud_controller.manifests.made import made_manifest
from paas.cloud_controller.manifests.read import load_manifest, read_manifest
from paas.cloud_controller.schema import apps


async def apply_manifest(call: Call) -> Response:
    """What can be checked is checked at once; the job does the rest."""
    space = call.path()
    await need(call, space, "develop")
    raw = await call.raw()
    read_manifest(raw)
    payload = {"space": space, "user_name": call.who.name, "scopes": sorted(call.who.scopes)}
    # environments may hold secrets
    sealed = call.platform.sealer.seal(raw.decode())
    return accepted(
        call, await enqueue(call.db, "space.apply_manifest", space, payload, sealed=sealed, user=call.who.guid)
    )


async def manifest_diff(call: Call) -> Response:
    """What applying it would change."""
    space = call.path()
    powers = await need(call, space, "develop")
    raw = await call.raw()
    names = [one.name for one in read_manifest(raw)]
    mine = sa.and_(apps.c.space_guid == space, apps.c.name.in_(names))
    rows = {row.name: row for row in await call.db.execute(sa.select(apps).where(mine))}
    found: list[dict[str, Any]] = []
    for number, given in enumerate(load_manifest(raw)["applications"]):
        row = rows.get(given["name"])
        made = None if row is None else await made_manifest(call.platform, call.db, row)
        if made is not None and not powers.secrets:
            made.pop("env", None)
        found += compare(given, made, number)
    return answer({"diff": found}, 202)


async def show(call: Call) -> Response:
    """As YAML."""
    row = await need_in(call, apps, call.path(), "secrets")
    document = {"applications": [await made_manifest(call.platform, call.db, row)]}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, explicit_start=True)
    return Response(text, media_type="application/x-yaml")


ENDPOINTS = [
    Endpoint("POST", "/v3/spaces/{guid}/actions/apply_manifest", apply_manifest),
    Endpoint("POST", "/v3/spaces/{guid}/manifest_diff", manifest_diff),
    Endpoint("GET", "/v3/apps/{guid}/manifest", show),
]
