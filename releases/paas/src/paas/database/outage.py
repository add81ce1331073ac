"""Tells errors of a server that is away, or of a collision with another's work, from errors of the work itself."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

PASSING_STATES = frozenset(
    {
        "25006",  # read-only: a server that is the leader no more
        "25P03",  # idle in a transaction for too long
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock timeout
        "57P01",  # the server stops, three ways
        "57P02",
        "57P03",
        "57P05",
    }
)
"""States of PostgreSQL (its appendix A) after which the same work may succeed."""


class DatabaseAwayError(Exception):
    """The database was not to be reached for as long as was waited. A commit that ended so may have taken effect or not."""


def passing(error: BaseException) -> bool:
    """Whether another try of the same transaction may succeed."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # an error without a state came from the connection itself
        return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    return error.connection_invalidated or state in PASSING_STATES or str(state).startswith("08")


def short(error: BaseException) -> str:
    """One line, without the statement and its parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split()) or type(cause).__name__
