"""Shapes of properties: what is unknown, mistyped, missing or not to be had here is refused by name, before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from cpi.contract import CloudError, Json

Check = Callable[[str, object], object]
Shape = Mapping[str, Check]


def text(place: str, value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise _wrong(place, "a string that is not empty", value)
    return value


def flag(place: str, value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise _wrong(place, "true or false", value)
    return value


def whole(place: str, value: object) -> int:
    """A whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(place, "a whole number above 0", value)
    return value


def seconds(place: str, value: object) -> float:
    """A time, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _wrong(place, "a number of seconds", value)
    return float(value)


def anything(place: str, value: object) -> object:
    """Not looked at."""
    return value


def scalars(place: str, value: object) -> dict[str, str]:
    """A hash of strings, numbers and flags; all as text."""
    if not isinstance(value, Mapping):
        raise _wrong(place, "a hash", value)
    found: dict[str, str] = {}
    for key, item in cast("Mapping[object, object]", value).items():
        if not isinstance(item, str | int | float):
            raise _wrong(f"{place}.{key}", "a string, number or flag", item)
        found[str(key)] = str(item).upper() if isinstance(item, bool) else str(item)
    return found


def one_of(*known: str) -> Check:
    """One of these words."""

    def check(place: str, value: object) -> object:
        if value not in known:
            raise _wrong(place, f"one of {', '.join(known)}", value)
        return value

    return check


def list_of(item: Check) -> Check:
    """A list of such values."""

    def check(place: str, value: object) -> object:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise _wrong(place, "a list", value)
        return [item(f"{place}[{number}]", one) for number, one in enumerate(cast("Sequence[object]", value))]

    return check


def hash_of(shape: Shape, *required: str) -> Check:
    """A hash with these keys only; `required` ones must be there."""

    def check(place: str, value: object) -> object:
        if not isinstance(value, Mapping):
            raise _wrong(place, "a hash", value)
        return read(place, cast(Json, value), shape, *required)

    return check


def either(*checks: Check) -> Check:
    """The first shape that fits a string, or a hash."""

    def check(place: str, value: object) -> object:
        return checks[0 if isinstance(value, str) else 1](place, value)

    return check


def refused(why: str) -> Check:
    """A property of the field that cannot be had here."""

    def check(place: str, value: object) -> object:
        if value in (None, False, "", [], {}):
            return value
        raise CloudError(f"vsphere property {place} is not to be had with this CPI: {why}")

    return check


def read(place: str, given: Json, shape: Shape, *required: str) -> dict[str, object]:
    """The values, checked; CloudError names the first that is wrong. A value of null counts as left out."""
    inside = f"{place}." if place else ""
    for key in given:
        if key not in shape:
            raise CloudError(f"vsphere property {inside}{key} is unknown; known are {', '.join(sorted(shape))}")
    found = {key: shape[key](inside + key, value) for key, value in given.items() if value is not None}
    for key in required:
        if key not in found:
            raise CloudError(f"vsphere property {inside}{key} is missing")
    return found


def _wrong(place: str, wanted: str, value: object) -> CloudError:
    shown = type(value).__name__ if "password" in place else repr(value)
    return CloudError(f"vsphere property {place} must be {wanted}, not {shown}")
