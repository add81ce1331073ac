"""A cursor into a document: typed reads that record each fault with its place, so that one reading finds all faults."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from director.manifest.marks import KeyPath, Source, read_yaml
from director.model.deployment import Document
from director.model.errors import BadRequest, Faults

INVALID_TYPE = 40000
MISSING = 40001
VIOLATED_MIN = 40002
INVALID_VALUE = 40005

_PLACEHOLDER = re.compile(r"\(\([^()]*\)\)")


class Node:
    """A value of a document, its path and the list that its faults go to. Reads answer None where they record a fault."""

    def __init__(self, value: Any, source: Source, faults: Faults, path: KeyPath = ()) -> None:
        self.value = value
        self.source = source
        self.faults = faults
        self.path = path

    @property
    def line(self) -> int:
        return self.source.line(self.path)

    def fault(self, message: str, remedy: str, *, code: int, at: str | int | None = None) -> None:
        """Record a fault of this value, or of its key ``at``."""
        path = self.path if at is None else (*self.path, at)
        self.faults.add(BadRequest(message, code=code, place=self.source.place(path), remedy=remedy))

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def child(self, key: str | int) -> Node:
        """The value below ``key``; a value of None when there is none."""
        held: Any = None
        if isinstance(self.value, dict):
            held = cast("dict[str | int, Any]", self.value).get(key)
        elif isinstance(self.value, list) and isinstance(key, int):
            held = self.value[key]
        return Node(held, self.source, self.faults, (*self.path, key))

    def text(self, key: str, *, required: bool = True, late: bool = False) -> str | None:
        """A non-empty string; numbers are taken as text. ``late`` allows ((placeholders))."""
        value = self._value(key, required)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            return self._wrong(key, "String", value, "Write text here.")
        if not late and _PLACEHOLDER.search(value):
            return self.unfilled(key, value)
        if not value and required:
            self.fault(f"Property '{key}' is empty", f"Give '{key}' a value.", code=INVALID_VALUE, at=key)
            return None
        return value

    def integer(
        self, key: str, *, required: bool = True, least: int | None = None, code: int = VIOLATED_MIN
    ) -> int | None:
        """An integer, not below ``least`` (``code``)."""
        value = self._value(key, required)
        if value is None:
            return None
        if isinstance(value, str) and _PLACEHOLDER.search(value):
            return self.unfilled(key, value)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._wrong(key, "Integer", value, "Write a whole number without quotes or unit.")
        if least is not None and value < least:
            self.fault(f"'{key}' value ({value}) is below {least}", f"Use {least} or more.", code=code, at=key)
            return None
        return value

    def flag(self, key: str, default: bool, *, code: int = INVALID_TYPE) -> bool:
        """true or false."""
        value = self._value(key, required=False)
        if value is None:
            return default
        if isinstance(value, str) and _PLACEHOLDER.search(value):
            self.unfilled(key, value)
        elif not isinstance(value, bool):
            self._wrong(key, "boolean", value, "Write true or false without quotes.", code=code)
        else:
            return value
        return default

    def hash(self, key: str, *, required: bool = False, code: int = INVALID_TYPE) -> Document:
        """A hash as plain data, empty when absent."""
        value = self._value(key, required)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(key, "Hash", value, f"Write '{key}' as a hash of keys and values.", code=code)
            return {}
        return cast(Document, value)

    def section(self, key: str, *, required: bool = False) -> Node | None:
        """The hash below ``key`` as a node; None when absent or wrong."""
        value = self._value(key, required)
        if value is None:
            return None
        if not isinstance(value, dict):
            return self._wrong(key, "Hash", value, f"Write '{key}' as a hash of keys and values.")
        return self.child(key)

    def items(self, key: str, *, required: bool = False, code: int = INVALID_TYPE) -> list[Node]:
        """The hashes of an array; items of another type are faults and left out."""
        return [item for item in self.members(key, required=required, code=code) if item.is_hash(key)]

    def members(self, key: str, *, required: bool = False, code: int = INVALID_TYPE) -> list[Node]:
        """The items of an array, of any type."""
        value = self._value(key, required)
        if value is None:
            return []
        if isinstance(value, str) and _PLACEHOLDER.search(value):
            self.unfilled(key, value)
            return []
        if not isinstance(value, list):
            self._wrong(key, "Array", value, f"Write '{key}' as a list ('- ' before each item).", code=code)
            return []
        below = self.child(key)
        return [below.child(index) for index in range(len(cast("list[Any]", value)))]

    def texts(self, key: str, *, required: bool = False) -> list[tuple[str, Node]]:
        """The strings of an array with their nodes."""
        out: list[tuple[str, Node]] = []
        for item in self.members(key, required=required):
            if isinstance(item.value, str) and item.value:
                if _PLACEHOLDER.search(item.value):
                    item.unfilled(None, item.value)
                else:
                    out.append((item.value, item))
            else:
                message = f"Property '{key}' holds {shown(item.value)} where a String is required"
                item.fault(message, "Write a name.", code=INVALID_TYPE)
        return out

    def strings(self, key: str) -> dict[str, str]:
        """A hash of strings (numbers and booleans become text)."""
        out: dict[str, str] = {}
        for name, value in self.hash(key).items():
            if isinstance(value, dict | list) or value is None:
                message = f"Property '{key}' value for '{name}' did not match the required type 'String'"
                self.child(key).fault(message, "Write text here.", code=INVALID_TYPE, at=name)
            else:
                out[name] = str(value).lower() if isinstance(value, bool) else str(value)
        return out

    def is_hash(self, key: str) -> bool:
        """Whether this item of ``key`` is a hash; records a fault if not."""
        if isinstance(self.value, dict):
            return True
        message = f"Object ({shown(self.value)}) in '{key}' did not match the required type 'Hash'"
        self.fault(message, "Write it as a hash, for example '- name: ...'.", code=INVALID_TYPE)
        return False

    def keys(self) -> Iterator[str]:
        return iter(cast(Document, self.value)) if isinstance(self.value, dict) else iter(())

    def unfilled(self, key: str | None, value: str) -> None:
        """A ((placeholder)) in a place that must be known when the document is read."""
        message = f"Value {value} of '{key or self.path[-1]}' is not known"
        self.fault(message, "Give the variable with -v, or write the value out.", code=540001, at=key)

    def _value(self, key: str, required: bool) -> Any:
        held: Any = cast(Document, self.value).get(key) if isinstance(self.value, dict) else None
        if held is None and required:
            message = f"Required property '{key}' was not specified"
            self.fault(message, f"Add '{key}'.", code=MISSING)
        return held

    def _wrong(self, key: str, expected: str, value: Any, remedy: str, *, code: int = INVALID_TYPE) -> None:
        message = f"Property '{key}' value ({shown(value)}) did not match the required type '{expected}'"
        self.fault(message, remedy, code=code, at=key)


def open_document(text: str, name: str, faults: Faults, *, what: str, code: int) -> Node | None:
    """The top of a YAML document that must be a hash; None (with a fault) when it is not."""
    try:
        value, source = read_yaml(text, name)
    except BadRequest as error:
        faults.add(error)
        return None
    node = Node(value, source, faults)
    if not isinstance(value, dict):
        node.fault(f"{what} should be a hash", f"Found {shown(value)}; begin it with keys at the margin.", code=code)
        return None
    return node


def shown(value: Any) -> str:
    """A value's type and, for short plain ones, the value; never more, as it may hold a secret."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a hash"
    if isinstance(value, list):
        return "an array"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else text[:37] + "...'"


def did_you_mean(name: str, known: Iterable[str] | Mapping[str, Any]) -> str:
    """A remedy for an unknown name."""
    names = sorted(known)
    if not names:
        return "None is defined."
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"Known are: {listed}."


def unique(
    items: Iterable[tuple[str, Node]], message: str, *, code: int, remedy: str = "Rename or remove one."
) -> None:
    """Record a fault for each name given again; ``message`` holds ``{name}``."""
    first: dict[str, Node] = {}
    for name, node in items:
        if name in first:
            here = first[name]
            also = f" It is first at {here.source.name}:{here.line}."
            node.fault(message.format(name=name), remedy + also, code=code)
        else:
            first[name] = node
