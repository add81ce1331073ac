"""Errors of the director: each carries facts, names the place and says what to do next.

Codes and HTTP statuses are those clients match on (director API, "Error codes").
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """Where a fault lies: a document's name, a 1-based line (0 when unknown) and a key path such as ``/update/canaries``."""

    document: str = ""
    line: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.document}:{self.line}" if self.line else self.document
        return " ".join(part for part in (where, self.path) if part)


class DirectorError(Exception):
    """What the user is told: ``message`` (the contract's words first), the place, and a remedy."""

    code: int = 100
    status: int = 500

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        status: int | None = None,
        place: Place | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place or Place()
        self.remedy = remedy
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status

    @property
    def description(self) -> str:
        """The sentence for the operator: message, then place, then remedy."""
        text = self.message
        if str(self.place):
            text += f" (at {self.place})"
        if self.remedy:
            text += f". {self.remedy}" if not text.endswith(".") else f" {self.remedy}"
        return text

    def __str__(self) -> str:
        return self.description


class BadRequest(DirectorError):
    """The request cannot be carried out as asked; nothing was changed."""

    code = 40001
    status = 400


class NotFound(DirectorError):
    """What the request names does not exist."""

    code = 70000
    status = 404


class Forbidden(DirectorError):
    """The user lacks the scope (the contract answers 401, code 600000)."""

    code = 600000
    status = 401


@dataclass
class Faults:
    """Collects every fault of a document before one error is raised, so that a user mends them in one go."""

    found: list[DirectorError] = field(default_factory=list[DirectorError])

    def add(self, error: DirectorError) -> None:
        self.found.append(error)

    def settle(self) -> None:
        """Raise nothing, the one fault, or one error that lists them all (code of the first)."""
        if not self.found:
            return
        first = self.found[0]
        if len(self.found) == 1:
            raise first
        lines = "\n".join(f"- {one.description}" for one in self.found)
        raise BadRequest(f"{len(self.found)} errors:\n{lines}", code=first.code, status=first.status)


class LeaseLost(DirectorError):
    """Another director holds the lease now; this one must not act any more."""

    code = 10002


class StoreAway(LeaseLost):
    """The store was not there for as long as calls wait: whether a lease is still held cannot be known, so whoever holds one stops as if it
    were lost. No fault of what was being done, and no end of the task."""

    code = 10004
    status = 503


class RowChanged(DirectorError):
    """A commit expected a row as it was read, and it has changed since: read again and decide anew."""

    code = 10003
    status = 409

    def __init__(self, table: str, key: str) -> None:
        super().__init__(f"{table} {key} was changed by someone else meanwhile", remedy="Try again.")
        self.table = table
        self.key = key


class TaskCancelled(DirectorError):
    """A user cancelled the task; it stopped between two steps."""

    code = 10001
    status = 200

    def __init__(self, task_id: int) -> None:
        super().__init__(f"Task {task_id} cancelled")


class CloudError(DirectorError):
    """A CPI call failed. ``type`` is the contract's ``Bosh::Clouds::...`` name; ``ok_to_retry`` as the CPI said. ``began`` False: it certainly
    had no effect. ``retry_after``: it was refused for its rate, and the cloud named these seconds."""

    def __init__(
        self,
        message: str,
        *,
        type: str,
        method: str,
        cpi: str = "",
        request_id: str = "",
        ok_to_retry: bool = False,
        remedy: str = "",
        began: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.began = began
        self.retry_after = retry_after
        self.type = type
        self.method = method
        self.cpi = cpi
        self.request_id = request_id
        self.ok_to_retry = ok_to_retry


class CloudNotSupported(CloudError):
    """The CPI has no such call (NotImplemented, NotSupported); the caller falls back."""


class CloudNotFound(CloudError):
    """The cloud has no such VM, disk, network or stemcell."""


class CloudUnsettled(CloudError):
    """The answer was lost (worker died, deadline passed): the effect may or may not have happened."""


class AgentError(DirectorError):
    """The agent answered with an exception."""

    code = 450001

    def __init__(self, message: str, *, agent_id: str, method: str) -> None:
        super().__init__(message)
        self.agent_id = agent_id
        self.method = method


class AgentTimeout(AgentError):
    """The agent did not answer in time."""

    code = 450002


class VmUnreachable(AgentTimeout):
    """The agent of a new VM never spoke; the VM is of no use."""
