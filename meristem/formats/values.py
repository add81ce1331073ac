"""The value type of YAML and JSON documents, and narrow ways to look into it."""

from __future__ import annotations

from typing import TypeAlias, TypeGuard, cast

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Hash: TypeAlias = "dict[str, Value]"
KeyPath: TypeAlias = "tuple[str | int, ...]"


def is_hash(value: object) -> TypeGuard[Hash]:
    """True for a mapping node."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Value]]:
    """True for a sequence node."""
    return isinstance(value, list)


def kind_of(value: object) -> str:
    """The YAML word for a value's type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "hash" if isinstance(value, dict) else "array"


def hashes(value: Value) -> list[Hash]:
    """The mapping items of a list; anything else is left out."""
    return [item for item in value if is_hash(item)] if is_list(value) else []


def strings(value: Value) -> list[str]:
    """The items of a list as strings; a missing list is empty."""
    return [str(item) for item in value] if is_list(value) else []


def text_or_none(value: Value) -> str | None:
    """A scalar as a string, None for null, lists and hashes."""
    if value is None or isinstance(value, (dict, list)):
        return None
    return str(value)


def copy_of(value: Value) -> Value:
    """A deep copy that shares nothing, so that YAML aliases may be edited apart."""
    if isinstance(value, dict):
        return {key: copy_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_of(item) for item in value]
    return value


def as_value(raw: object) -> Value:
    """Takes what a JSON or YAML parser returned as a Value."""
    return cast(Value, raw)
