"""Refusals of a broker, as the platform reads them."""

from __future__ import annotations

from typing import Any


class BrokerError(Exception):
    """`status` and a `description` for the user; `code`: one of the API's words, where it has one for this."""

    def __init__(self, status: int, description: str, code: str = "") -> None:
        super().__init__(description)
        self.status = status
        self.code = code

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"description": str(self)} | ({"error": self.code} if self.code else {})


def malformed(description: str) -> BrokerError:
    """What was sent cannot be understood, or asks for what there is not."""
    return BrokerError(400, description)


def async_required() -> BrokerError:
    """The platform must be ready to poll."""
    said = (
        "This Service Plan requires client support for asynchronous service operations: send accepts_incomplete=true."
    )
    return BrokerError(422, said, "AsyncRequired")


def busy(what: str) -> BrokerError:
    """Another operation is under way."""
    return BrokerError(422, f"{what}; wait until that has ended.", "ConcurrencyError")


def conflict(what: str) -> BrokerError:
    """The id is taken by something else."""
    return BrokerError(409, what)
