"""``((placeholders))`` for variables: their grammar, and which a document uses (manifest reference §4)."""

from __future__ import annotations

import re
from typing import Any, cast

from msgspec import Struct

from director.model.errors import BadRequest

BAD_NAME = 540004

PLACEHOLDER = re.compile(r"\(\(\s*(!?[^()]*?)\s*\)\)")
_NAME = re.compile(r"[a-zA-Z0-9_\-/]+")


class Placeholder(Struct, frozen=True):
    """``((name.key.sub))``: the variable and the keys below its value; dots divide only after the last slash."""

    name: str
    keys: tuple[str, ...] = ()


def parse_placeholder(inner: str) -> Placeholder:
    """The text between the brackets. Raises `BadRequest` (540004)."""
    text = inner.strip().removeprefix("!")
    head, slash, tail = text.rpartition("/")
    last, *keys = tail.split(".")
    name = head + slash + last
    reason = name_fault(name)
    if not reason and not all(keys):
        reason = "a key after a dot is empty"
    if reason:
        remedy = "Use letters, digits, '_', '-' and '/' in names, and dots before keys."
        raise BadRequest(f"Variable name '{text}' is not valid: {reason}", code=BAD_NAME, remedy=remedy)
    return Placeholder(name, tuple(keys))


def used_variables(value: Any) -> set[str]:
    """Names of all variables that a document refers to, as written. Raises `BadRequest` (540004) for a bad name."""
    found: set[str] = set()
    _collect(value, found)
    return found


def absolute_name(name: str, director: str, deployment: str) -> str:
    """``/<director>/<deployment>/<name>`` for relative names."""
    return name if name.startswith("/") else f"/{director}/{deployment}/{name}"


def absolute_placeholders(value: Any, director: str, deployment: str) -> Any:
    """A copy in which every placeholder names its variable absolutely, so that it means the same in another deployment."""
    if isinstance(value, str):
        if "((" not in value:
            return value
        return PLACEHOLDER.sub(lambda match: _absolute(match[1], director, deployment), value)
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        return {
            absolute_placeholders(key, director, deployment): absolute_placeholders(item, director, deployment)
            for key, item in held.items()
        }
    if isinstance(value, list | tuple):
        return [absolute_placeholders(item, director, deployment) for item in cast("list[Any]", value)]
    return value


def _absolute(inner: str, director: str, deployment: str) -> str:
    found = parse_placeholder(inner)
    return f"(({'.'.join((absolute_name(found.name, director, deployment), *found.keys))}))"


def name_fault(name: str) -> str:
    """Why a variable's name is not valid; empty when it is."""
    if not name:
        return "it is empty"
    if not _NAME.fullmatch(name):
        return "it holds a character that is not allowed"
    if name.endswith("/"):
        return "it ends with '/'"
    if "//" in name:
        return "it holds '//'"
    return ""


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        if "((" in value:
            found.update(parse_placeholder(inner).name for inner in PLACEHOLDER.findall(value))
    elif isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            _collect(key, found)
            _collect(item, found)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            _collect(item, found)
