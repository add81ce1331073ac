"""What a client asks for: times in nanoseconds since 1970, from `start` on and before `end`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from paas.log_cache.errors import bad

USUAL = 100
MOST = 1000
TYPES = ("ANY", "LOG", "COUNTER", "GAUGE", "TIMER", "EVENT")
INTEGER = re.compile(r"-?[0-9]{1,19}")
RANGE = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Query:
    """`logs`: whether log lines are wanted at all; other envelopes there are none."""

    start: int
    end: int | None
    limit: int
    descending: bool
    logs: bool


def query_of(given: QueryParams) -> Query:
    """LogCacheError 400 says what of it cannot be."""
    start = _integer(given, "start_time", 0)
    end = _integer(given, "end_time", 0) or None
    limit = _integer(given, "limit", USUAL)
    if not 0 <= limit <= MOST:
        raise bad(f"limit must be {MOST} or less, and not less than 0")
    if end is not None and start > end:
        raise bad("start_time must be before end_time")
    descending = given.get("descending", "false").lower()
    if descending not in ("true", "false", "1", "0", ""):
        raise bad("descending must be true or false")
    types = [one for value in given.getlist("envelope_types") for one in value.upper().replace(",", " ").split()]
    for one in types:
        if one not in TYPES:
            raise bad(f"envelope_types: {one[:40]} is none of {', '.join(TYPES)}")
    return Query(
        start=start,
        end=end,
        limit=limit or USUAL,
        descending=descending in ("true", "1"),
        logs=not types or "LOG" in types or "ANY" in types,
    )


def _integer(given: QueryParams, name: str, usual: int) -> int:
    text = given.get(name, "")
    if not text:
        return usual
    if not INTEGER.fullmatch(text) or int(text) not in RANGE:
        raise bad(f"{name} must be an integer of 64 bits, not {text[:40]!r}")
    return int(text)
