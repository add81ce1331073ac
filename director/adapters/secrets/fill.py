"""Replacing placeholders in a document by values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from director.model.errors import BadRequest
from director.model.placeholders import PLACEHOLDER, Placeholder, absolute_name, parse_placeholder

FETCH = 540001
INCONSISTENT = 540008

_WHOLE = re.compile(r"\(\(\s*(!?[^()]*?)\s*\)\)")


class Filler:
    """Fills documents of one deployment from ``values`` by absolute name; ``problems`` collects what could not be filled."""

    def __init__(self, director: str, deployment: str, values: Mapping[str, Any]) -> None:
        self._director = director
        self._deployment = deployment
        self._values = values
        self.problems: dict[str, str] = {}

    def fill(self, value: Any) -> Any:
        """A copy: a placeholder that is the whole value keeps the type of what it stands for."""
        if isinstance(value, str):
            return self._text(value) if "((" in value else value
        if isinstance(value, dict):
            return {self._key(key): self.fill(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list | tuple):
            return [self.fill(item) for item in cast("list[Any]", value)]
        return value

    def settle(self) -> None:
        """Raise one `BadRequest` (540001) that names everything missing."""
        if not self.problems:
            return
        lines = [f"{problem}. {remedy}" for problem, remedy in self.problems.items()]
        if len(lines) == 1:
            problem, remedy = next(iter(self.problems.items()))
            raise BadRequest(problem, code=FETCH, remedy=remedy)
        listed = "".join(f"\n- {line}" for line in lines)
        raise BadRequest(f"Unable to interpolate variables. Errors are:{listed}", code=FETCH)

    def _key(self, key: Any) -> Any:
        if isinstance(key, str) and _WHOLE.fullmatch(key):
            filled = self._text(key)
            if isinstance(filled, str | int | float):
                return str(filled)
            self._problem(f"Placeholder '{key}' is a key, but its value is no string", "Give it a string value")
        return key

    def _text(self, text: str) -> Any:
        whole = _WHOLE.fullmatch(text)
        if whole:
            known, value = self._look_up(text, whole[1])
            return value if known else text
        return PLACEHOLDER.sub(lambda match: self._inside(match[0], match[1]), text)

    def _inside(self, written: str, inner: str) -> str:
        known, value = self._look_up(written, inner)
        if not known:
            return written
        if isinstance(value, bool) or not isinstance(value, str | int):
            remedy = "Only strings and integers can stand inside a longer text; name a key below it"
            self._problem(f"Can not use the value of '{written}' inside a longer string", remedy)
            return written
        return str(value)

    def _look_up(self, written: str, inner: str) -> tuple[bool, Any]:
        try:
            placeholder = parse_placeholder(inner)
        except BadRequest as error:
            self._problem(error.message, error.remedy.rstrip("."))
            return False, None
        name = absolute_name(placeholder.name, self._director, self._deployment)
        if name not in self._values:
            remedy = "Add it to the manifest's 'variables', set it, or give it with -v"
            self._problem(f"Failed to find variable '{name}'", remedy)
            return False, None
        return self._below(name, placeholder, self._values[name])

    def _below(self, name: str, placeholder: Placeholder, value: Any) -> tuple[bool, Any]:
        path = name
        for key in placeholder.keys:
            if not isinstance(value, dict):
                problem = (
                    f"Failed to fetch variable '{name}': expected '{path}' to be a hash, as key '{key}' is asked of it"
                )
                self._problem(problem, f"Use (({placeholder.name})) without the key")
                return False, None
            held = cast("dict[str, Any]", value)
            if key not in held:
                problem = f"Failed to fetch variable '{name}': expected '{path}' hash to have key '{key}'"
                self._problem(problem, f"Its keys are: {', '.join(sorted(held))}")
                return False, None
            value, path = held[key], f"{path}.{key}"
        return True, value

    def _problem(self, problem: str, remedy: str) -> None:
        self.problems.setdefault(problem, remedy)
