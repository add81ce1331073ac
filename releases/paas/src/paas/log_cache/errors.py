"""Errors as the log cache's clients know them: ``{"error", "message", "code"}`` with the numbers of gRPC. Source: log-cache's gateway."""

from __future__ import annotations

from typing import Any


class LogCacheError(Exception):
    """`code` is gRPC's."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> dict[str, Any]:
        """As the client sees it."""
        return {"error": self.message, "code": self.code, "message": self.message, "details": []}


def bad(message: str) -> LogCacheError:
    """A question that cannot be answered."""
    return LogCacheError(400, 3, message)


def unauthenticated(message: str) -> LogCacheError:
    """No token, or one that does not hold."""
    return LogCacheError(401, 16, message)


def not_found(message: str) -> LogCacheError:
    """Not there, or not for this user; which of them is not told."""
    return LogCacheError(404, 5, message)


def unavailable(message: str) -> LogCacheError:
    """What is needed for an answer is away."""
    return LogCacheError(503, 14, message)
