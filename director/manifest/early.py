"""Placeholders that must be known when a document is read: all but those below properties, env, options and cloud_properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from director.manifest.marks import read_yaml
from director.model.errors import BadRequest
from director.model.placeholders import PLACEHOLDER, parse_placeholder, used_variables

_LATE = ("properties", "env", "options", "cloud_properties")


def early_variables(text: str, name: str = "manifest") -> set[str]:
    """Names, as written, whose values `load_deployment` and `load_cloud_config` want in ``values``.

    Raises `BadRequest` for text that is not YAML (710000) and for bad names (540004).
    """
    value, _ = read_yaml(text, name)
    return used_variables(_without_late(value))


def fill_early(value: Any, values: Mapping[str, Any]) -> Any:
    """A copy with the known early placeholders replaced; unknown ones stay and become faults where they matter."""
    if isinstance(value, str):
        return _text(value, values) if "((" in value else value
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {key: item if key in _LATE else fill_early(item, values) for key, item in held.items()}
    if isinstance(value, list):
        return [fill_early(item, values) for item in cast("list[Any]", value)]
    return value


def _without_late(value: Any) -> Any:
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {key: _without_late(item) for key, item in held.items() if key not in _LATE}
    if isinstance(value, list):
        return [_without_late(item) for item in cast("list[Any]", value)]
    return value


def _text(text: str, values: Mapping[str, Any]) -> Any:
    whole = PLACEHOLDER.fullmatch(text)
    if whole:
        known, value = _value(whole[1], values)
        return value if known else text

    def inside(match: Any) -> str:
        known, value = _value(match[1], values)
        plain = isinstance(value, str | int) and not isinstance(value, bool)
        return str(value) if known and plain else match[0]

    return PLACEHOLDER.sub(inside, text)


def _value(inner: str, values: Mapping[str, Any]) -> tuple[bool, Any]:
    try:
        placeholder = parse_placeholder(inner)
    except BadRequest:
        return False, None  # recorded where placeholders are checked
    if placeholder.name not in values:
        return False, None
    value = values[placeholder.name]
    for key in placeholder.keys:
        if not isinstance(value, dict) or key not in value:
            return False, None
        value = cast("dict[str, Any]", value)[key]
    return True, value
