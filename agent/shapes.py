"""Names for JSON shapes, and checked access to them."""

from __future__ import annotations

from typing import Any, cast

from agent.errors import ArgumentError

Json = dict[str, Any]


def as_object(value: object, place: str) -> Json:
    """``value`` as a JSON object; ArgumentError names ``place`` otherwise."""
    if not isinstance(value, dict):
        raise ArgumentError(f"{place}: expected an object, got {type(value).__name__}")
    return cast("Json", value)


def object_or_empty(value: object) -> Json:
    """``value`` if it is a JSON object, otherwise an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def array_or_empty(value: object) -> list[Any]:
    """``value`` if it is a JSON array, otherwise an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def as_string(value: object, place: str) -> str:
    """``value`` as a non-empty string; ArgumentError names ``place`` otherwise."""
    if not isinstance(value, str) or not value:
        raise ArgumentError(f"{place}: expected a non-empty string, got {value!r:.40}")
    return value


def string_or_empty(value: object) -> str:
    """``value`` if it is a string, otherwise the empty string."""
    return value if isinstance(value, str) else ""
