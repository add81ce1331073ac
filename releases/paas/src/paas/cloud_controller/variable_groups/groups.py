"""The two groups as kept, and what an app's environment is with them: the app's own variables come last."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from paas.cloud_controller.schema import environment_variable_groups as groups
from paas.cloud_controller.sealing import Sealer
from paas.database.transaction import Transaction

Name = Literal["running", "staging"]


async def group_variables(db: Transaction, sealer: Sealer, name: Name) -> dict[str, str]:
    """The variables of one group."""
    return dict(sealer.open(await db.scalar(sa.select(groups.c.variables).where(groups.c.name == name)) or ""))


async def full_environment(db: Transaction, sealer: Sealer, name: Name, own: str) -> dict[str, str]:
    """An app's variables (`own`: its sealed column) on top of the group's."""
    return {**await group_variables(db, sealer, name), **sealer.open(own)}
