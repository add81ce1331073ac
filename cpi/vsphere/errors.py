"""vCenter's faults as errors of the contract, with vCenter's own sentence in them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from pyVmomi import vim, vmodl

from cpi.contract import CloudError, CpiError, Facts, NoDiskSpace

REMEDIES = {
    "FileLocked": "another VM or host holds the file; detach it there, or wait until its task ends",
    "ResourceInUse": "something else uses it; wait until that ends, or detach it there",
    "TaskInProgress": "another task works on it; wait for its end",
    "NoDiskSpace": "free space on the datastore, or let datastore_pattern name another one",
    "InsufficientResourcesFault": "free resources in the cluster or its pool, or name another one in the AZ",
    "NoPermission": "give the CPI's user this privilege in vCenter",
    "RestrictedVersion": "the licence does not allow it; see the licences in vCenter",
}
"""What to do about a fault, by its name or that of a more general one."""
USUAL = "look at the task and its events in vCenter"


class AnswerLost(CloudError):
    """The request may have been carried out, or not: look, then go on from there."""


class Unreachable(CloudError):
    """vCenter does not answer."""


@contextmanager
def told(what: str, endpoint: str) -> Generator[None]:
    """Raise vCenter's faults inside as typed errors: what was done, where, and what was answered."""
    try:
        yield
    except vmodl.MethodFault as fault:
        raise typed(fault, what, endpoint) from fault


def typed(fault: Any, what: str, endpoint: str, task: str = "") -> CpiError:
    """The contract's error for a fault, of a task if it was one: what was done, where, what was answered, what to do."""
    kinds: tuple[tuple[Any, type[CpiError]], ...] = ((vim.fault.NoDiskSpace, NoDiskSpace),)
    kind = next((ours for theirs, ours in kinds if isinstance(fault, theirs)), CloudError)
    source = f"vCenter at {endpoint}" + (f", task {task}," if task else "")
    return kind(
        f"{what}: {source} says: {sentence(fault)}; {remedy(fault)}", facts=Facts(endpoint=endpoint, request_id=task)
    )


def remedy(fault: Any) -> str:
    """What to do about a fault."""
    names = (kind.__name__.rpartition(".")[2] for kind in type(fault).__mro__)
    return next((REMEDIES[name] for name in names if name in REMEDIES), USUAL)


def sentence(fault: Any) -> str:
    """What vCenter says: the kind of fault, its text and the fields that tell more."""
    name = type(fault).__name__.rpartition(".")[2]
    told = str(getattr(fault, "msg", "") or getattr(fault, "localizedMessage", "") or "").strip()
    fields = [
        f"{field} {value}"
        for field in ("name", "file", "datastore", "invalidProperty", "property", "reason", "existingState", "obj")
        if (value := getattr(fault, field, None)) not in (None, "")
    ]
    causes = [str(one.message) for one in cast("list[Any]", getattr(fault, "faultMessage", None) or []) if one.message]
    return ": ".join([name, *([told] if told else []), *causes]) + (f" ({', '.join(fields)})" if fields else "")
