"""Which errors of a cloud mean that it was called too often: by type, or by the words that the public clouds have for it."""

from __future__ import annotations

import re

from director.model.errors import CloudError

_WORDS = re.compile(
    r"(?<![\w-])429(?![\w-])"
    r"|too ?many ?requests|request ?limit ?exceeded|rate ?(?:limit|exceeded|quota)|throttl|slow ?down|over ?limit"
    r"|quota exceeded for quota metric '[^']*(?:requests|queries)",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:retry[- ]?after|try again in|retry in)\W{0,4}(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?|m|minutes?)?\b",
    re.IGNORECASE,
)


def is_refusal(error: CloudError) -> bool:
    """AWS RequestLimitExceeded and Throttling, Google's rateLimitExceeded, Azure's and OpenStack's 429, OverLimit and Retry-After, NSX's, and ours."""
    return error.retry_after is not None or _WORDS.search(error.message) is not None


def seconds_told(error: CloudError) -> float | None:
    """How long the cloud wants to be left alone, if it says so."""
    if error.retry_after is not None:
        return error.retry_after
    found = _AFTER.search(error.message)
    if found is None:
        return None
    unit = (found[2] or "s").lower()
    scale = (
        0.001
        if unit.startswith("m") and "s" in unit and not unit.startswith("minute")
        else 60.0
        if unit.startswith("m")
        else 1.0
    )
    return float(found[1]) * scale
