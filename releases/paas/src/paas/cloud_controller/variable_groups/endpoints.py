"""``/v3/environment_variable_groups``."""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.api.present import when
from paas.cloud_controller.apps.environment import Variables, check_variables
from paas.cloud_controller.schema import environment_variable_groups as groups
from paas.cloud_controller.variable_groups.groups import Name, group_variables

NAMES = ("running", "staging")


def _name(call: Call) -> Name:
    if call.path("name") not in NAMES:
        raise not_found("Environment variable group")
    return cast("Name", call.path("name"))


async def _answer(call: Call, name: Name) -> Response:
    changed = await call.db.scalar(sa.select(groups.c.updated_at).where(groups.c.name == name))
    found: dict[str, Any] = {
        "name": name,
        "var": await group_variables(call.db, call.platform.sealer, name),
        "updated_at": when(changed),
        "links": {"self": call.link(f"/v3/environment_variable_groups/{name}")},
    }
    return answer(found)


async def show(call: Call) -> Response:
    """One group."""
    return await _answer(call, _name(call))


async def update(call: Call) -> Response:
    """Set and remove variables: for what is started or staged from now on."""
    name = _name(call)
    need_admin(call)
    body = await call.body(Variables)
    await call.db.execute(insert(groups).values(name=name).on_conflict_do_nothing())
    await call.db.execute(sa.select(groups.c.name).where(groups.c.name == name).with_for_update())
    merged = {**await group_variables(call.db, call.platform.sealer, name), **check_variables(body.var)}
    sealed = call.platform.sealer.seal({key: value for key, value in merged.items() if value is not None})
    await call.db.execute(sa.update(groups).where(groups.c.name == name).values(variables=sealed))
    return await _answer(call, name)


ENDPOINTS = [
    Endpoint("GET", "/v3/environment_variable_groups/{name}", show),
    Endpoint("PATCH", "/v3/environment_variable_groups/{name}", update),
]
