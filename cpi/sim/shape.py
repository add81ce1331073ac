"""Reading of properties: each value has its type, or CloudError names its place and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, cast

from cpi.contract import CloudError, Json


def fail(where: str, expected: str, value: object) -> NoReturn:
    """Refuse a property."""
    raise CloudError(f"sim property {where} must be {expected}, not {value!r}")


def number(where: str, value: object, *, least: float = 0.0) -> float:
    """A finite number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
        fail(where, f"a number of at least {least:g}", value)
    return float(value)


def whole(where: str, value: object, *, least: int = 0) -> int:
    """A whole number, at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        fail(where, f"a whole number of at least {least}", value)
    return value


def text(where: str, value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        fail(where, "a string that is not empty", value)
    return value


def hash_of(where: str, value: object) -> Json:
    """A hash with names for keys; nothing is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) for key in cast("Mapping[object, object]", value)
    ):
        fail(where, "a hash", value)
    return cast(Json, value)


def items(where: str, value: object) -> Sequence[object]:
    """A list; nothing is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        fail(where, "a list", value)
    return cast("Sequence[object]", value)


def texts(where: str, value: object) -> tuple[str, ...]:
    """A list of strings; one string stands for a list of it."""
    if isinstance(value, str):
        return (text(where, value),)
    return tuple(text(f"{where}[{place}]", one) for place, one in enumerate(items(where, value)))


def known(where: str, found: Iterable[str], names: Iterable[str]) -> None:
    """Refuse a key that nobody reads."""
    wanted = sorted(names)
    for key in found:
        if key not in wanted:
            named = f"{where}.{key}" if where else key
            raise CloudError(f"sim property {named} is not known; known are {', '.join(wanted)}")
