"""Reads a broker's answer: good, or which of the faults it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from paas.cloud_controller.broker.answers import Fault
from paas.cloud_controller.broker.errors import (
    AppRequiredError,
    Asked,
    AsyncRequiredError,
    BrokerError,
    BusyError,
    ConflictError,
    FailedError,
    MaintenanceConflictError,
    MalformedError,
    RejectedError,
    TimedOutError,
    UnauthorizedError,
)

T = TypeVar("T")

DESCRIPTION_CHARACTERS = 4000
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?(?P<where>.*)`)?$", re.DOTALL)


@dataclass(frozen=True)
class Raw:
    """An answer as it came."""

    asked: Asked
    status: int
    body: bytes
    retry_after: float | None = None


def decoded(raw: Raw, kind: type[T], expected: str) -> T:
    """The body as `kind`; MalformedError with the place where it is none. The body itself is not told: it may hold credentials."""
    if b"\\u0000" in raw.body:
        # what is kept of an answer is kept as text that cannot hold it
        raise MalformedError(
            raw.asked,
            "The service broker returned an invalid response: the body has a character NUL (\\u0000)",
            expected,
            raw.status,
        )
    try:
        return msgspec.json.decode(raw.body, type=kind)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        what, where = (found["what"], found["where"]) if found else (str(error), None)
        place = f"{where.removeprefix('$').lstrip('.') or 'the body'}: " if where else "the body: "
        raise MalformedError(
            raw.asked, f"The service broker returned an invalid response: {place}{what}", expected, raw.status
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedError(
            raw.asked,
            "The service broker returned an invalid response: expected valid JSON object in body",
            expected,
            raw.status,
        ) from None


_UNPROCESSABLE: dict[str, tuple[type[BrokerError], str]] = {
    "AsyncRequired": (
        AsyncRequiredError,
        "This service plan requires client support for asynchronous service operations.",
    ),
    "ConcurrencyError": (
        BusyError,
        "The service broker could not perform this operation in parallel with other running operations",
    ),
    "RequiresApp": (
        AppRequiredError,
        "This service supports generation of credentials through binding an application only.",
    ),
    "MaintenanceInfoConflict": (
        MaintenanceConflictError,
        "The service broker knows another maintenance_info of this plan; update the broker here to read its catalog again",
    ),
}


def fault_of(raw: Raw, expected: str) -> BrokerError:
    """Which fault an answer is that none of the good statuses has."""
    fault = _said(raw)
    said = f"Service broker error: {fault.description}" if fault.description else ""
    found: tuple[type[BrokerError], str]
    if raw.status == 401:
        found = (
            UnauthorizedError,
            ("Authentication with the service broker failed. Double-check that the username and password are correct."),
        )
        said = ""
    elif raw.status == 408:
        found = TimedOutError, "The request to the service broker timed out"
    elif raw.status == 409:
        found = ConflictError, "Resource conflict"
    elif raw.status == 422 and fault.error in _UNPROCESSABLE:
        found = _UNPROCESSABLE[fault.error]
        said = said if fault.error in ("MaintenanceInfoConflict", "RequiresApp") else ""
    elif 400 <= raw.status < 500:
        found = RejectedError, "The service broker rejected the request"
    elif 300 <= raw.status < 400:
        found = RejectedError, "The service broker redirects, which is not followed; give its final URL"
    else:
        found = FailedError, "The service broker returned an invalid response"
    return found[0](raw.asked, said or found[1], expected, raw.status)


def _said(raw: Raw) -> Fault:
    try:
        found = msgspec.json.decode(raw.body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Fault()
    error, description = found.get("error"), found.get("description")
    return Fault(
        error=error if isinstance(error, str) else "",
        description=description.strip()[:DESCRIPTION_CHARACTERS] if isinstance(description, str) else "",
    )
