"""A database server that went away: calls wait for it and are tried again, up to a limit."""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy.exc import DBAPIError

from director.model.errors import StoreAway

RETRY = 0.5
PASSING_STATES = ("25P03", "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57P05")

_log = structlog.get_logger(__name__)


class DatabaseAway(StoreAway):
    """A commit that ends so may have taken effect or not."""


def passing(error: BaseException) -> bool:
    """Whether the connection or the server is at fault, and not what was asked: another try may succeed.

    States: idle in transaction for too long, serialization failure, deadlock, lock timeout, and the four of a server that stops or
    starts (PostgreSQL, appendix A). An error without a state came from the connection itself.
    """
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    return error.connection_invalidated or state in PASSING_STATES or str(state).startswith("08")


class Outage:
    """How long the server has been away, for those who share it. ``limit`` seconds are waited once per outage: after that each call has
    one try, so that nothing piles up. Safe to use from several threads."""

    def __init__(self, where: str, limit: float) -> None:
        self._where = where
        self._limit = limit
        self._since: float | None = None
        self._over = threading.Event()

    def end(self) -> None:
        """A call succeeded."""
        if self._since is not None:
            self._since = None
            _log.info("database is available again", database=self._where)

    def give_up(self) -> None:
        """The store closes: nobody waits any more."""
        self._over.set()

    def wait(self, error: BaseException) -> None:
        """A call failed: return when it is time to try again, or raise `DatabaseAway`."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
            _log.warning("Waiting for database to become available", database=self._where, error=_short(error))
        if now - self._since >= self._limit or self._over.wait(RETRY):
            raise DatabaseAway(
                f"The database {self._where} is not available: {_short(error)}",
                remedy=f"It was waited for up to {self._limit:g} seconds (db.connection_wait_timeout). See that it runs and lets the director in.",
            ) from error


def _short(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split()) or type(cause).__name__
