"""Whether an app may be as big as it is to be."""

from __future__ import annotations

from paas.database.transaction import Transaction


async def check_app_quota(db: Transaction, space: str, process: str, *, instances: int, memory: int) -> None:
    """422 where `instances` of `memory` MB of this process (empty: of a new one) are more than the quotas allow."""
