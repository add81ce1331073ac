"""The users that are known here: a guid, and the name that the UAA told last."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource
from paas.cloud_controller.schema import users
from paas.database.transaction import Transaction


async def know_user(db: Transaction, guid: str, username: str | None = None, origin: str | None = None) -> sa.Row[Any]:
    """The user's row, made where it is missing; a name that is given is kept."""
    names = {name: value for name, value in (("username", username), ("origin", origin)) if value}
    put = insert(users).values(guid=guid, **names)
    # an update that changes nothing still returns the row
    put = put.on_conflict_do_update(index_elements=["guid"], set_=names or {"guid": put.excluded.guid})
    return (await db.execute(put.returning(users))).one()


def presentation_name(row: sa.Row[Any]) -> str:
    """What a person is to read: the name, or the guid where no name is known."""
    return row.username or row.guid


def present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One row of users."""
    fields = {"username": row.username, "presentation_name": presentation_name(row), "origin": row.origin}
    return resource(call, row, f"/v3/users/{row.guid}", fields)


async def included_users(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """For ``included``: the users of rows that have ``user_guid``."""
    found = await call.db.execute(sa.select(users).where(users.c.guid.in_({row.user_guid for row in rows})))
    return {"users": [present(call, row) for row in found.all()]}
