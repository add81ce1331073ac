"""How an app is staged: the buildpacks asked for, and the stack."""

from __future__ import annotations

import re
from typing import Literal

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.schema import buildpacks, stacks
from paas.database.transaction import Transaction


class LifecycleData(Body, frozen=True, kw_only=True):
    """`buildpacks`: names of the platform's, or URLs; none: what detects first."""

    buildpacks: list[str] | UnsetType | None = UNSET
    stack: str | UnsetType | None = UNSET
    credentials: dict[str, dict[str, str]] | UnsetType = UNSET


class Lifecycle(Body, frozen=True, kw_only=True):
    """Of an app or a build."""

    type: Literal["buildpack"] = "buildpack"
    data: LifecycleData = LifecycleData()


_URL = re.compile(r"^(https?|git|ssh)://\S+$|^git@\S+:\S+$")


def is_url(buildpack: str) -> bool:
    """Whether a buildpack is given by its address."""
    return bool(_URL.match(buildpack))


async def checked(db: Transaction, lifecycle: Lifecycle) -> Lifecycle:
    """The lifecycle itself; 422 where the platform has no such buildpack or stack."""
    data = lifecycle.data
    if data.stack is not UNSET and data.stack is not None:
        known = await db.scalar(sa.select(stacks.c.guid).where(stacks.c.name == data.stack))
        if known is None:
            raise unprocessable("Stack must be an existing stack")
    named = [one for one in (data.buildpacks or []) if not is_url(one)]
    if named:
        found = (await db.execute(sa.select(buildpacks.c.name).where(buildpacks.c.name.in_(named)))).scalars()
        if missing := sorted({*named} - {*found}):
            raise unprocessable(
                f'Buildpack "{missing[0]}" must be an existing admin buildpack or a valid git URI. '
                "Buildpack must be an existing admin buildpack or a valid git URI"
            )
    return lifecycle


def columns(lifecycle: Lifecycle | UnsetType) -> dict[str, object]:
    """What to write down of what was given."""
    found: dict[str, object] = {}
    if lifecycle is UNSET:
        return found
    if lifecycle.data.buildpacks is not UNSET:
        found["buildpacks"] = lifecycle.data.buildpacks or []
    if lifecycle.data.stack is not UNSET:
        found["stack"] = lifecycle.data.stack
    return found
