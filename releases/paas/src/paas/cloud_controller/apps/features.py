"""``/v3/apps/G/features``: what may be switched on for one app."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in, space_powers
from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.api.lists import answer_all
from paas.cloud_controller.schema import apps

FEATURES = {
    "ssh": ("Enable SSHing into the app.", False),
    "revisions": ("Enable versioning of an application", True),
    "service-binding-k8s": ("Enable k8s service bindings for the app", False),
    "file-based-vcap-services": ("Enable file-based VCAP service bindings for the app", False),
}
"""Name -> what it is, and whether it is on where nobody said."""


class Switch(Body, frozen=True, kw_only=True):
    """``{"enabled": true}``."""

    enabled: bool


def _present(row: sa.Row[Any], name: str) -> dict[str, Any]:
    description, default = FEATURES[name]
    return {"name": name, "description": description, "enabled": row.features.get(name, default)}


async def index(call: Call) -> Response:
    """All of them."""
    row = await need_in(call, apps, call.path())
    return answer_all(call, [_present(row, name) for name in FEATURES])


async def show(call: Call) -> Response:
    """One of them."""
    row = await need_in(call, apps, call.path())
    if call.path("name") not in FEATURES:
        raise not_found("Feature")
    return answer(_present(row, call.path("name")))


async def update(call: Call) -> Response:
    """On or off."""
    row = await need_in(call, apps, call.path(), "develop")
    name = call.path("name")
    if name not in FEATURES:
        raise not_found("Feature")
    features = {**row.features, name: (await call.body(Switch)).enabled}
    changed = sa.update(apps).where(apps.c.guid == row.guid).values(features=features).returning(apps)
    return answer(_present((await call.db.execute(changed)).one(), name))


async def ssh_enabled(call: Call) -> Response:
    """There is no SSH to apps."""
    await need_in(call, apps, call.path())
    return answer({"enabled": False, "reason": "Disabled globally"})


async def permissions(call: Call) -> Response:
    """What the user may see of the app."""
    row = await need_in(call, apps, call.path())
    powers = await space_powers(call.db, call.who, row.space_guid)
    assert powers is not None
    return answer({"read_basic_data": powers.read, "read_sensitive_data": powers.secrets})


ENDPOINTS = [
    Endpoint("GET", "/v3/apps/{guid}/features", index),
    Endpoint("GET", "/v3/apps/{guid}/features/{name}", show),
    Endpoint("PATCH", "/v3/apps/{guid}/features/{name}", update),
    Endpoint("GET", "/v3/apps/{guid}/ssh_enabled", ssh_enabled),
    Endpoint("GET", "/v3/apps/{guid}/permissions", permissions),
]
