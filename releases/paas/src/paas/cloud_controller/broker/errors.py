"""What may go wrong with a broker. Each error names the broker, the request, what was answered and what was expected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """One request to a broker: its `broker` by name, `url` without any credentials."""

    broker: str
    method: str
    url: str

    def __str__(self) -> str:
        return f"service broker '{self.broker}', {self.method} {self.url}"


class BrokerError(Exception):
    """The broker did not do what it was asked. `orphaned`: it may have made something that nobody knows of."""

    title = "CF-ServiceBrokerBadResponse"
    code = 10001
    http_status = 502
    orphaned = False

    def __init__(self, asked: Asked, summary: str, expected: str = "", status: int = 0) -> None:
        self.asked = asked
        self.summary = summary
        self.expected = expected
        self.status = status
        answered = f" answered {status}" if status else ""
        wanted = f"; expected: {expected}" if expected else ""
        super().__init__(f"{summary} ({asked}{answered}{wanted})")


class UnreachableError(BrokerError):
    """No connection came about: the broker has not heard the request."""

    title = "CF-ServiceBrokerApiUnreachable"


class TimedOutError(BrokerError):
    """No answer in time: what was asked may have been done."""

    title = "CF-HttpClientTimeout"
    http_status = 504
    orphaned = True


class UnauthorizedError(BrokerError):
    """The broker does not take the user name and password."""

    title = "CF-ServiceBrokerApiAuthenticationFailed"


class RejectedError(BrokerError):
    """An answer of 4xx: nothing was done."""

    title = "CF-ServiceBrokerRequestRejected"


class FailedError(BrokerError):
    """An answer of 5xx, or one that this request does not have: what was asked may have been done in part."""

    orphaned = True


class ConflictError(BrokerError):
    """409: something of that guid exists, and is another."""

    title = "CF-ServiceBrokerConflict"
    http_status = 409


class AsyncRequiredError(BrokerError):
    """422 AsyncRequired: the broker works on this only in the background."""

    title = "CF-AsyncRequired"
    http_status = 400


class BusyError(BrokerError):
    """422 ConcurrencyError: another operation is under way for the same thing."""

    title = "CF-ConcurrencyError"
    http_status = 422


class AppRequiredError(BrokerError):
    """422 RequiresApp: credentials are made for apps only."""

    title = "CF-AppRequired"
    http_status = 400


class MaintenanceConflictError(BrokerError):
    """422 MaintenanceInfoConflict: the catalog that is known here is not the broker's any more."""

    title = "CF-MaintenanceInfoConflict"
    http_status = 422


class MalformedError(BrokerError):
    """The status was good and the body is not what belongs to it."""

    title = "CF-ServiceBrokerResponseMalformed"

    def __init__(self, asked: Asked, summary: str, expected: str = "", status: int = 0) -> None:
        super().__init__(asked, summary, expected, status)
        # by the specification a malformed 200 says that nothing new was made
        self.orphaned = status != 200
