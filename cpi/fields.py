"""Hashes from outside, read key by key: what is not known, or has the wrong type, is refused with its place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import cast

from cpi.contract import CloudError, Json


class Fields:
    """One hash; `where` names it in errors, e.g. "OpenStack properties"."""

    def __init__(self, where: str, given: Json, known: Collection[str], prefixes: tuple[str, ...] = ()) -> None:
        self.where = where
        self._given = given
        for key in given:
            if key not in known and not key.startswith(prefixes or ("\0",)):
                raise CloudError(f"{where}: unknown property '{key}'{_meant(key, known)}")

    def has(self, key: str) -> bool:
        """Whether it is given, and not null."""
        return self._given.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A string; numbers, which YAML makes of some names, are taken for their digits."""
        value = self._given.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.wrong(key, "a string")
        return str(value)

    def choice(self, key: str, default: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.wrong(key, "one of " + ", ".join(repr(one) for one in allowed if one))
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false; nothing is taken for one of them."""
        value = self._given.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def number(self, key: str, default: float) -> float:
        """A number above 0."""
        value = self._given.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self.wrong(key, "a number above 0")
        return float(value)

    def whole(self, key: str) -> int | None:
        """A whole number above 0, None when it is not given."""
        value = self._given.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise self.wrong(key, "a whole number above 0")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when it is not given."""
        value = self._given.get(key)
        if value is None:
            return ()
        items = cast("Sequence[object]", value)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in items):
            raise self.wrong(key, "a list of strings")
        return tuple(cast("Sequence[str]", value))

    def section(self, key: str) -> Json:
        """A hash; empty when it is not given."""
        value = self._given.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.wrong(key, "a hash")
        return cast(Json, value)

    def sections(self, key: str) -> tuple[Json, ...]:
        """A list of hashes."""
        value = self._given.get(key)
        if value is None:
            return ()
        items = cast("Sequence[object]", value)
        if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in items):
            raise self.wrong(key, "a list of hashes")
        return tuple(cast("Sequence[Json]", value))

    def wrong(self, key: str, wanted: str) -> CloudError:
        """The error for a value of the wrong form. The value itself may be a secret: only its type is told."""
        kind = type(self._given.get(key)).__name__
        words = {"str": "a string", "bool": "true or false", "int": "a number", "float": "a number", "dict": "a hash"}
        return CloudError(f"{self.where}: property '{key}' must be {wanted}, not {words.get(kind, 'a ' + kind)}"
                          + (f" {self._given.get(key)!r}" if kind in ("bool", "int", "float") else ""))  # fmt: skip

    def refused(self, key: str, why: str) -> CloudError:
        """The error for a property that is known and cannot be obeyed."""
        return CloudError(f"{self.where}: property '{key}' {why}")


def _meant(key: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(known))}"
