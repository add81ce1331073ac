"""How differences are told to people: short, by dotted path, and never with what looks like a secret."""

from __future__ import annotations

import re
from typing import Any, cast

from director.model.plan import Cause

SHORT = 60
HIDDEN = "<redacted>"

_SECRET_KEY = re.compile(
    r"passw|passphrase|secret|token|credential|private|(^|[._-])(keys?|pwd|psk)$|(?-i:[a-z]Keys?$)", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"-----BEGIN [A-Z ]*(PRIVATE KEY|CERTIFICATE)-----|://[^/\s:@]+:[^/\s@]+@")


def differences(path: str, old: Any, new: Any) -> list[Cause]:
    """The leaves in which two documents differ, as causes with dotted paths."""
    if old == new:
        return []
    if (isinstance(old, dict) or old is None) and (isinstance(new, dict) or new is None) and (old or new):
        before: dict[Any, Any] = cast("dict[Any, Any]", old) or {}
        after: dict[Any, Any] = cast("dict[Any, Any]", new) or {}
        causes: list[Cause] = []
        for key in sorted({*before, *after}, key=str):
            causes += differences(f"{path}.{key}", before.get(key), after.get(key))
        # {} in place of {"key": None} is a difference without a leaf
        return causes or [Cause(path, shown(path, old), shown(path, new))]
    return [Cause(path, shown(path, old), shown(path, new))]


def shown(path: str, value: Any) -> Any:
    """A value in a few words. Names of variables are no secrets; what stands in a key such as ``admin_password`` is."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.startswith("((") and value.endswith("))"):
        return _short(value)
    if _SECRET_KEY.search(path.rpartition(".")[2]):
        return HIDDEN
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else repr(_without_secrets(value))
    return HIDDEN if _SECRET_TEXT.search(text) else _short(text)


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        held = cast("dict[Any, Any]", value)
        return {
            key: HIDDEN if one is not None and _SECRET_KEY.search(str(key)) else _without_secrets(one)
            for key, one in held.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(one) for one in cast("list[Any]", value)]
    return value
