"""Hiding of values in a diff: leaves below any ``properties`` or ``bosh`` hash, and credentials in release URLs."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

HIDDEN = "<redacted>"

_KEYS = ("properties", "bosh")


def redact(document: Any) -> Any:
    """A copy with what must not be shown replaced by ``<redacted>``."""
    out = _known_keys(document)
    if isinstance(out, dict) and isinstance(out.get("releases"), list):
        for release in cast("list[Any]", out["releases"]):
            if isinstance(release, dict) and isinstance(release.get("url"), str):
                release["url"] = redact_url(release["url"])
    return out


def redact_url(url: str) -> str:
    """The URL without its user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.username:
        url = url.replace(parts.username, HIDDEN, 1)
    if parts.password:
        url = url.replace(parts.password, HIDDEN, 1)
    return url


def _known_keys(value: Any) -> Any:
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {
            key: _leaves(item) if key in _KEYS and isinstance(item, dict) else _known_keys(item)
            for key, item in held.items()
        }
    if isinstance(value, list):
        return [_known_keys(item) for item in cast("list[Any]", value)]
    return value


def _leaves(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _leaves(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_leaves(item) for item in cast("list[Any]", value)]
    return HIDDEN
