"""What of a message may be logged: secrets are replaced, their keys stay."""

from __future__ import annotations

import re
from typing import Any

_HIDDEN = "<redacted>"
_SECRET_KEYS = re.compile(
    r"password|secret|private_key|token|^payload$|^mbus$|^blobstores$|^cloud_properties$|_headers$|^credentials$",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"(signature|sig|X-Amz-[A-Za-z]+|token)=[^&\"]+")


def redacted(value: Any) -> Any:
    """A copy without credentials, cloud properties, payloads of blobs and signatures of URLs."""
    if isinstance(value, dict):
        return {str(key): _HIDDEN if _hides(str(key), part) else redacted(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(part) for part in value]
    if isinstance(value, str) and value.startswith("http"):
        return _SIGNATURE.sub(rf"\1={_HIDDEN}", value)
    return value


def _hides(key: str, value: Any) -> bool:
    return value not in (None, {}, [], "") and _SECRET_KEYS.search(key) is not None
