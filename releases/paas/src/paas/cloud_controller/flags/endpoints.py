"""``/v3/feature_flags``."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin
from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.api.lists import answer_all
from paas.cloud_controller.api.present import when
from paas.cloud_controller.flags.flags import DEFAULTS
from paas.cloud_controller.schema import feature_flags


class Change(Body, frozen=True, kw_only=True):
    """What may be changed of a flag."""

    enabled: bool | UnsetType = UNSET
    custom_error_message: Annotated[str, Meta(max_length=250)] | UnsetType | None = UNSET


def _present(call: Call, name: str, row: sa.Row[Any] | None) -> dict[str, Any]:
    return {
        "name": name,
        "enabled": DEFAULTS[name] if row is None else row.enabled,
        "updated_at": None if row is None else when(row.updated_at),
        "custom_error_message": None if row is None else row.custom_error_message,
        "links": {"self": call.link(f"/v3/feature_flags/{name}")},
    }


async def index(call: Call) -> Response:
    """All flags."""
    changed = {row.name: row for row in (await call.db.execute(sa.select(feature_flags))).all()}
    return answer_all(call, [_present(call, name, changed.get(name)) for name in DEFAULTS])


async def show(call: Call) -> Response:
    """One flag."""
    name = _name(call)
    row = (await call.db.execute(sa.select(feature_flags).where(feature_flags.c.name == name))).first()
    return answer(_present(call, name, row))


async def update(call: Call) -> Response:
    """Turn one on or off."""
    name = _name(call)
    need_admin(call)
    change = await call.body(Change)
    values: dict[str, Any] = {}
    if change.enabled is not UNSET:
        values["enabled"] = change.enabled
    if change.custom_error_message is not UNSET:
        values["custom_error_message"] = change.custom_error_message
    put = insert(feature_flags).values({"name": name, "enabled": DEFAULTS[name], **values})
    put = put.on_conflict_do_update(
        index_elements=["name"], set_={**values, "updated_at": sa.func.clock_timestamp()}
    ).returning(feature_flags)
    return answer(_present(call, name, (await call.db.execute(put)).one()))


def _name(call: Call) -> str:
    name = call.path("name")
    if name not in DEFAULTS:
        raise not_found("Feature flag")
    return name


ENDPOINTS = [
    Endpoint("GET", "/v3/feature_flags", index),
    Endpoint("GET", "/v3/feature_flags/{name}", show),
    Endpoint("PATCH", "/v3/feature_flags/{name}", update),
]
