"""Request bodies: decoded into structs; what does not fit is told with its place."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from paas.cloud_controller.api.errors import ApiError, parse_error, unprocessable

B = TypeVar("B")

LARGEST = 1024 * 1024
"""Of a body that is read as a whole."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all bodies: unknown fields are refused by name."""


class Reference(Body, frozen=True, kw_only=True):
    """``{"guid": G}``."""

    guid: str


class ToOne(Body, frozen=True, kw_only=True):
    """``{"data": {"guid": G}}``."""

    data: Reference


class ToMaybe(Body, frozen=True, kw_only=True):
    """``{"data": {"guid": G}}`` or ``{"data": null}``."""

    data: Reference | None


class ToMany(Body, frozen=True, kw_only=True):
    """``{"data": [{"guid": G}, …]}``."""

    data: list[Reference]

    @property
    def guids(self) -> list[str]:
        """Without repeats, in order."""
        return list(dict.fromkeys(one.guid for one in self.data))


class Metadata(Body, frozen=True, kw_only=True):
    """Labels and annotations; null removes one."""

    labels: dict[str, str | None] | UnsetType = UNSET
    annotations: dict[str, str | None] | UnsetType = UNSET


def decode(raw: bytes, kind: type[B]) -> B:
    """The body as `kind`; 400 where it is no JSON, 422 with the place where it is of another shape."""
    if b"\\u0000" in raw or b"\0" in raw:
        # no text in the database can hold it
        raise parse_error("the body has a character NUL (\\u0000), which no value may have")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise misfit(error) from None
    except msgspec.DecodeError as error:
        raise parse_error(str(error)) from None


def convert(value: object, kind: type[B]) -> B:
    """A document that was read already (of YAML, of a form) as `kind`; 422 with the place."""
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise misfit(error) from None


_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<where>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$")


def misfit(error: msgspec.ValidationError) -> ApiError:
    """What does not fit, in words of the API: "relationships.space is required"."""
    found = _PLACE.match(str(error))
    what = found["what"] if found else str(error)
    where = ((found["where"] if found else "") or "").lstrip(".")
    if missing := _MISSING.match(what):
        return unprocessable(f"{_joined(where, missing['name'])} is required")
    if unknown := _UNKNOWN.match(what):
        return unprocessable(f"Unknown field(s): '{_joined(where, unknown['name'])}'")
    what = what.replace("Expected", "expected", 1).replace("Invalid", "invalid", 1)
    return unprocessable(f"{where or 'The body'}: {what}")


def _joined(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


_PREFIX = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
_WORD = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")


def merged_labels(
    old_labels: dict[str, str], old_annotations: dict[str, str], new: Metadata | UnsetType
) -> dict[str, dict[str, str]]:
    """Columns ``labels`` and ``annotations`` after this change; 422 where a key or a value is not allowed."""
    if new is UNSET:
        return {"labels": old_labels, "annotations": old_annotations}
    labels, annotations = new.labels, new.annotations
    for key, value in ({} if labels is UNSET else labels).items():
        _check_key("label", key)
        if value and (len(value) > 63 or not _WORD.match(value)):
            raise unprocessable(
                f"Metadata label value error: '{value}' must be at most 63 letters, digits, '-', '_' or '.', "
                "beginning and ending with a letter or digit"
            )
    for key, value in ({} if annotations is UNSET else annotations).items():
        _check_key("annotation", key)
        if value and len(value) > 5000:
            raise unprocessable(f"Metadata annotation value error: that of '{key}' is longer than 5000 characters")
    return {"labels": _merged(old_labels, labels), "annotations": _merged(old_annotations, annotations)}


def _merged(old: dict[str, str], new: dict[str, str | None] | UnsetType) -> dict[str, str]:
    if new is UNSET:
        return old
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _check_key(kind: str, key: str) -> None:
    prefix, _, name = key.rpartition("/")
    if prefix and (len(prefix) > 253 or not _PREFIX.match(prefix)):
        raise unprocessable(
            f"Metadata {kind} key error: the prefix '{prefix}' must be a DNS name of at most 253 characters"
        )
    if not name or len(name) > 63 or not _WORD.match(name):
        raise unprocessable(
            f"Metadata {kind} key error: '{name}' must be 1 to 63 letters, digits, '-', '_' or '.', "
            "beginning and ending with a letter or digit"
        )
