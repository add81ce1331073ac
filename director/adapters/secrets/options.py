"""Reading a variable's options, with errors that name the variable and the option."""

from __future__ import annotations

from typing import Any, cast

from director.model.deployment import Document
from director.model.errors import BadRequest, Place

GENERATION = 540005


class Options:
    """``options`` of the variable ``name``."""

    def __init__(self, name: str, given: Document) -> None:
        self.name = name
        self._given = given

    def fault(self, problem: str, remedy: str, key: str = "") -> BadRequest:
        """An error about the option ``key``."""
        path = f"/variables/name={self.name}/options" + (f"/{key}" if key else "")
        message = f"Variable '{self.name}' cannot be generated: {problem}"
        return BadRequest(message, code=GENERATION, place=Place("", 0, path), remedy=remedy)

    def text(self, key: str) -> str:
        """Empty when absent."""
        value = self._given.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.fault(f"option '{key}' is not text", "Write text.", key)
        return value

    def texts(self, key: str) -> list[str]:
        value = self._given.get(key)
        if value is None:
            return []
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(one, str) for one in cast("list[Any]", items)):
            raise self.fault(f"option '{key}' is not a list of text", "Write a list.", key)
        return cast("list[str]", items)

    def flag(self, key: str) -> bool:
        value = self._given.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.fault(f"option '{key}' is neither true nor false", "Write true or false.", key)

    def integer(self, key: str, default: int, *, least: int, most: int) -> int:
        value = self._given.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            remedy = f"Write a number from {least} to {most}."
            raise self.fault(f"option '{key}' is not a number from {least} to {most}", remedy, key)
        return value

    def one_of(self, key: str, default: int, allowed: tuple[int, ...]) -> int:
        value = self.integer(key, default, least=min(allowed), most=max(allowed))
        if value not in allowed:
            listed = ", ".join(map(str, allowed))
            raise self.fault(f"option '{key}' is {value}", f"Use one of {listed}.", key)
        return value
