"""Makes what is missing at the start: the default quota, the shared domains, the stacks. What is there is left as it is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.cloud_controller.config import Config
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import domains, organization_quotas, stacks
from paas.database.transaction import Transaction

DEFAULT_QUOTA = "default"
GENEROUS: dict[str, dict[str, Any]] = {
    "apps": {"total_memory_in_mb": 102_400},
    "services": {"paid_services_allowed": True},
    "routes": {"total_routes": 1000},
    "domains": {},
}
"""Of the default quota, where the configuration says nothing."""


async def seed(platform: Platform) -> None:
    """Safe to run in several processes at once, and again."""

    async def work(db: Transaction) -> None:
        await _seed(db, platform.config)

    await platform.database.run(work)


async def _seed(db: Transaction, config: Config) -> None:
    limits = {kind: {**values, **config.default_quota.get(kind, {})} for kind, values in GENEROUS.items()}
    await db.execute(
        insert(organization_quotas).values(name=DEFAULT_QUOTA, **limits).on_conflict_do_nothing(index_elements=["name"])
    )
    if config.app_domains:
        rows = [{"name": name.lower()} for name in config.app_domains]
        await db.execute(insert(domains).values(rows).on_conflict_do_nothing(index_elements=["name"]))
    for position, stack in enumerate(config.stacks):
        await db.execute(
            insert(stacks)
            .values(name=stack.name, description=stack.description, is_default=position == 0)
            .on_conflict_do_nothing(index_elements=["name"])
        )
    if config.stacks:
        await db.execute(sa.update(stacks).values(is_default=stacks.c.name == config.stacks[0].name))
