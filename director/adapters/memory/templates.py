"""Job templates without a Ruby: a template may print properties and facts of its instance, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from director.adapters.templates.archive import Template, read_templates
from director.ports.templates import Rendered, RenderRequest

_TAG = re.compile(r"<%= (?:p\('(?P<property>[\w.]+)'\)|spec\.(?P<fact>\w+)) %>")
_FACTS = ("name", "deployment", "id", "index", "az", "address", "bootstrap")


class MemoryTemplates:
    """`Templates` that knows ``<%= p('name') %>`` and ``<%= spec.fact %>``; another tag is an error of its template. Errors read as Ruby's."""

    def __init__(self) -> None:
        self._archives: dict[Path, list[Template]] = {}

    async def render(self, requests: Sequence[RenderRequest]) -> list[Rendered]:
        return [self._render(one) for one in requests]

    async def close(self) -> None:
        return None

    def _render(self, request: RenderRequest) -> Rendered:
        if request.archive not in self._archives:
            self._archives[request.archive] = read_templates(request.archive, request.spec, request.job)
        files: dict[str, bytes] = {}
        errors: list[str] = []
        for template in self._archives[request.archive]:
            text, error = _filled(template, request.context)
            if error:
                errors.append(error)
            files[template.destination] = text.encode()
        return Rendered(request.instance, request.job, {} if errors else files, tuple(errors))


def _filled(template: Template, context: dict[str, Any]) -> tuple[str, str]:
    """The text and an error, one of them empty."""
    lines: list[str] = []
    for number, line in enumerate(template.text.split("\n"), 1):
        for tag in _TAG.finditer(line):
            reason = _missing(tag, context)
            if reason:
                return "", f"Error filling in template '{template.source}' (line {number}: {reason})"
        told = _TAG.sub(lambda tag: _shown(_value(tag, context)), line)
        if "<%" in told:
            return "", f"Error filling in template '{template.source}' (line {number}: only p and spec are known here)"
        lines.append(told)
    return "\n".join(lines), ""


def _value(tag: re.Match[str], context: dict[str, Any]) -> Any:
    """None when there is none."""
    if tag["fact"]:
        return (context.get("spec") or {}).get(tag["fact"])
    found: Any = context.get("properties")
    for part in tag["property"].split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _missing(tag: re.Match[str], context: dict[str, Any]) -> str:
    if tag["fact"]:
        return "" if tag["fact"] in _FACTS else f"spec has no '{tag['fact']}'"
    return "" if _value(tag, context) is not None else f"Can't find property '[\"{tag['property']}\"]'"


def _shown(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    return "" if value is None else msgspec.json.encode(value).decode()
