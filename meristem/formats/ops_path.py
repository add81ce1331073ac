"""Paths of ops files: `/key/3/name=web/key?/-`, with `:prev :next :before :after` and the escapes ~0 ~1 ~7."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meristem.formats.errors import FormatError

_INTEGER = re.compile(r"^[-+]?[0-9]+$")
_MODIFIERS = ("prev", "next", "before", "after")


@dataclass(frozen=True)
class Key:
    """A hash key."""

    name: str
    optional: bool


@dataclass(frozen=True)
class Index:
    """A list position; negative counts from the end."""

    position: int
    modifiers: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """The one list item, a hash, whose `key` equals `value`."""

    key: str
    value: str
    optional: bool
    modifiers: tuple[str, ...]


@dataclass(frozen=True)
class AfterLast:
    """The end of a list."""


Token = Key | Index | Matching | AfterLast


def parse(text: str, *, place: str) -> tuple[Token, ...]:
    """The tokens of a path; empty for `/` and for an empty string: the whole document."""
    if text in ("", "/"):
        return ()
    if not text.startswith("/"):
        raise bad_path(f"Expected to start with '/': '{text}'", place)
    pieces = text[1:].split("/")
    tokens: list[Token] = []
    optional = False
    for position, piece in enumerate(pieces):
        raw, *modifiers = piece.split(":")
        unknown = [modifier for modifier in modifiers if modifier not in _MODIFIERS]
        if unknown:
            wanted = "'prev', 'next', 'before', or 'after'"
            raise bad_path(f"Expected to find one of the following modifiers: {wanted} but found '{unknown[0]}'", place)
        name = raw.replace("~7", ":").replace("~1", "/").replace("~0", "~")
        optional = optional or name.endswith("?")
        if name == "-" and position == len(pieces) - 1:
            if modifiers:
                raise bad_path("Expected not to find any modifiers with after last index token", place)
            tokens.append(AfterLast())
        elif _INTEGER.match(name):
            tokens.append(Index(int(name), tuple(modifiers)))
        elif "=" in name:
            key, _, value = name.partition("=")
            tokens.append(Matching(key, value.removesuffix("?"), optional, tuple(modifiers)))
        elif modifiers:
            raise bad_path(f"Expected not to find any modifiers with key token '{name}'", place)
        else:
            tokens.append(Key(name.removesuffix("?"), optional))
    return tuple(tokens)


def render(tokens: tuple[Token, ...]) -> str:
    """The path's text up to these tokens, for messages."""
    out = ""
    for token in tokens:
        if isinstance(token, Key):
            part = _escape(token.name)
        elif isinstance(token, Index):
            part = ":".join((str(token.position), *token.modifiers))
        elif isinstance(token, Matching):
            part = ":".join((f"{_escape(token.key)}={_escape(token.value)}", *token.modifiers))
        else:
            part = "-"
        out += "/" + part
    return out or "/"


def bad_path(message: str, place: str) -> FormatError:
    """The error for a path that cannot be read."""
    remedy = "Write paths such as /instance_groups/name=web/instances, /a/b?/c or /list/-."
    return FormatError(440001, message, place=place, remedy=remedy)


def _escape(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1").replace(":", "~7")
