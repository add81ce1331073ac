"""SCIM's filters, such as ``userName eq "ann" and origin eq "uaa"``, as conditions of SQL. Source: RFC 7644, 3.4.2.2.

Of the operators: eq, ne, co, sw, ew, pr, with and, or, not and brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal, not_, or_, true

from paas.uaa.errors import scim

LONGEST = 20_000
DEEPEST = 20

_TOKEN = re.compile(r'\s*(?:(?P<open>\()|(?P<close>\))|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[A-Za-z][A-Za-z0-9_.:]*))')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Attribute:
    """A column and how it is compared: `folded`, without regard to case. Times are there to sort by only."""

    column: ColumnElement[Any]
    folded: bool = False

    @property
    def kind(self) -> type:
        """Of its values."""
        return self.column.type.python_type


def condition(text: str, attributes: Mapping[str, Attribute]) -> ColumnElement[bool]:
    """The filter as SQL; attributes by their names in small letters. UaaError 400 shows the filter."""
    try:
        return _Parser(_tokens(text), attributes).whole()
    except _FilterError as error:
        shown = text if len(text) <= 200 else f"{text[:200]}..."
        raise scim(400, "invalid_filter", f"Invalid filter expression: [{shown}]: {error}") from None


class _FilterError(Exception):
    pass


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > LONGEST:
        raise _FilterError(f"it is longer than {LONGEST} characters")
    if "\0" in text:
        raise _FilterError("it holds a NUL character")
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _FilterError(f"character {at + 1} begins neither a word, nor a quoted text, nor a bracket")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], attributes: Mapping[str, Attribute]) -> None:
        self._tokens = tokens
        self._attributes = attributes
        self._at = 0

    def whole(self) -> ColumnElement[bool]:
        found = self._any(0)
        if self._at < len(self._tokens):
            raise _FilterError(f"nothing is expected before {self._tokens[self._at][1]!r}")
        return found

    def _any(self, depth: int) -> ColumnElement[bool]:
        parts = [self._all(depth)]
        while self._word("or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else or_(*parts)

    def _all(self, depth: int) -> ColumnElement[bool]:
        parts = [self._one(depth)]
        while self._word("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else and_(*parts)

    def _one(self, depth: int) -> ColumnElement[bool]:
        if depth > DEEPEST:
            raise _FilterError(f"it has more than {DEEPEST} brackets in one another")
        if self._word("not"):
            return not_(self._one(depth + 1))
        kind, value = self._next()
        if kind == "open":
            found = self._any(depth + 1)
            if self._next()[0] != "close":
                raise _FilterError("a bracket is not closed")
            return found
        if kind != "word":
            raise _FilterError(f"an attribute is expected, not {value!r}")
        attribute = self._attributes.get(value.lower())
        if attribute is None or attribute.kind not in (str, bool):
            known = [name for name, one in self._attributes.items() if one.kind in (str, bool)]
            raise _FilterError(f"{value} is none of {', '.join(known)}")
        return self._comparison(attribute)

    def _comparison(self, attribute: Attribute) -> ColumnElement[bool]:
        kind, operator = self._next()
        operator = operator.lower()
        if kind != "word" or operator not in ("eq", "ne", "co", "sw", "ew", "pr"):
            raise _FilterError(f"{operator!r} is none of eq, ne, co, sw, ew, pr")
        if operator == "pr":
            return attribute.column.is_not(None)
        kind, value = self._next()
        if kind == "text":
            return _compare(attribute, operator, _ESCAPE.sub(r"\1", value))
        if (
            kind == "word"
            and attribute.kind is bool
            and value.lower() in ("true", "false")
            and operator in ("eq", "ne")
        ):
            same = attribute.column.is_(true() if value.lower() == "true" else false())
            return same if operator == "eq" else not_(same)
        wanted = "true or false" if attribute.kind is bool else "a quoted text"
        raise _FilterError(f"{wanted} is expected, not {value!r}")

    def _word(self, word: str) -> bool:
        if self._at < len(self._tokens):
            kind, value = self._tokens[self._at]
            if kind == "word" and value.lower() == word:
                self._at += 1
                return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise _FilterError("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _compare(attribute: Attribute, operator: str, value: str) -> ColumnElement[bool]:
    if attribute.kind is bool:
        raise _FilterError("true or false is expected, without quotes")
    column: ColumnElement[Any] = func.lower(attribute.column) if attribute.folded else attribute.column
    text: ColumnElement[Any] = func.lower(literal(value)) if attribute.folded else literal(value)
    if operator == "eq":
        return column == text
    if operator == "ne":
        return column != text
    escaped = re.sub(r"([\\%_])", r"\\\1", value.lower() if attribute.folded else value)
    pattern = {"co": "%" + escaped + "%", "sw": escaped + "%", "ew": "%" + escaped}[operator]
    return column.like(pattern, escape="\\")
