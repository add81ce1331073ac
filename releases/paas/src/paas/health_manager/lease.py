"""Of several health managers one acts: the one that has the lease, a row that only its holder may prolong. The database's clock counts."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from paas.database.config import DatabaseConfig
from paas.database.engine import Database
from paas.database.outage import short

log = structlog.get_logger("health_manager")

MIGRATIONS = Path(__file__).parent / "migrations"
TAKE = text(
    """
    INSERT INTO health_manager_lease (id, holder, expires_at) VALUES (1, :holder, now() + make_interval(secs => :seconds))
    ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
    WHERE health_manager_lease.holder = excluded.holder OR health_manager_lease.expires_at < now()
    RETURNING holder
    """
)
LEAVE = text("DELETE FROM health_manager_lease WHERE holder = :holder")


class Lease:
    """`held` until `seconds` after it was prolonged last, by this machine's steady clock from before the question."""

    def __init__(self, config: DatabaseConfig, seconds: float) -> None:
        self._config = config
        self._seconds = seconds
        self._holder = str(uuid.uuid4())
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Whether this one may act."""
        return time.monotonic() < self._until

    async def keep(self) -> None:
        """Take it when it is free, prolong it, and give it back when cancelled."""
        database = await Database.open(self._config, "health_manager", MIGRATIONS)
        try:
            while True:
                await self._take(database)
                await asyncio.sleep(self._seconds / 4)
        finally:
            self._until = 0
            with contextlib.suppress(SQLAlchemyError):
                async with database.begin() as transaction:
                    await transaction.execute(LEAVE, {"holder": self._holder})
            await database.close()

    async def _take(self, database: Database) -> None:
        before, asked = self.held, time.monotonic()
        try:
            async with database.begin() as transaction:
                got = await transaction.scalar(TAKE, {"holder": self._holder, "seconds": self._seconds})
        except SQLAlchemyError as error:
            log.warning("lease_unknown", error=short(error))
            return
        self._until = asked + self._seconds if got == self._holder else 0
        if self.held != before:
            log.info("lease_taken" if self.held else "lease_lost")
