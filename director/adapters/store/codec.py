"""Rows to columns and back."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec

from director.model.rows import Row

R = TypeVar("R", bound=Row)

LARGE = 1 << 18
"""Characters that are decoded at once, in a millisecond or so: other threads wait meanwhile. Between the rows of longer texts they may go on."""

_parts = msgspec.json.Decoder(list[msgspec.Raw])
_encoder = msgspec.json.Encoder()


@cache
def _decoder(kind: type[R]) -> msgspec.json.Decoder[R]:
    return msgspec.json.Decoder(kind, strict=False)


@cache
def _list_decoder(kind: type[R]) -> msgspec.json.Decoder[list[R]]:
    return msgspec.json.Decoder(list[kind], strict=False)


def columns(row: Row) -> dict[str, Any]:
    """The values of a table's columns for this row."""
    values: dict[str, Any] = {"key": row.key, "body": _encoder.encode(row).decode()}
    for name in type(row).INDEXED:
        values[name] = getattr(row, name)
    return values


def row(kind: type[R], body: str) -> R:
    """The row whose body this is."""
    return _decoder(kind).decode(body)


def rows(kind: type[R], bodies: str) -> list[R]:
    """The rows of these bodies, which commas divide."""
    text = f"[{bodies}]"
    if len(text) < LARGE:
        return _list_decoder(kind).decode(text)
    decoder = _decoder(kind)
    return [decoder.decode(body) for body in _parts.decode(text)]
