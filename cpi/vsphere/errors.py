"""vCenter's faults as errors of the contract, with vCenter's own sentence in them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from pyVmomi import vim, vmodl

from cpi.contract import CloudError, CpiError, Facts, NoDiskSpace


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


def typed(fault: Any, what: str, endpoint: str) -> CpiError:
    """The contract's error for a fault."""
    kinds: tuple[tuple[Any, type[CpiError]], ...] = ((vim.fault.NoDiskSpace, NoDiskSpace),)
    kind = next((ours for theirs, ours in kinds if isinstance(fault, theirs)), CloudError)
    return kind(f"{what}: vCenter at {endpoint} says: {sentence(fault)}", facts=Facts(endpoint=endpoint))


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
