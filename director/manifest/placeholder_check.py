"""Placeholders of a document, checked where they stand."""

from __future__ import annotations

from typing import Any, cast

from director.manifest.reader import Node
from director.model.errors import BadRequest
from director.model.placeholders import PLACEHOLDER, parse_placeholder

RELATIVE = 540004


def check_placeholders(node: Node, *, absolute_only: bool = False) -> None:
    """Record a fault for each bad name; with ``absolute_only`` also for names that do not begin with a slash."""
    value: Any = node.value
    if isinstance(value, str):
        if "((" in value:
            _check(node, value, absolute_only)
    elif isinstance(value, dict):
        for key in cast("dict[str, Any]", value):
            below = node.child(key)
            if "((" in key:
                _check(below, key, absolute_only)
            check_placeholders(below, absolute_only=absolute_only)
    elif isinstance(value, list):
        for index in range(len(cast("list[Any]", value))):
            check_placeholders(node.child(index), absolute_only=absolute_only)


def _check(node: Node, text: str, absolute_only: bool) -> None:
    for inner in PLACEHOLDER.findall(text):
        try:
            name = parse_placeholder(inner).name
        except BadRequest as error:
            node.fault(error.message, error.remedy, code=error.code)
            continue
        if absolute_only and not name.startswith("/"):
            message = f"Relative paths are not allowed in this context. Variable '{name}' must be switched to an absolute path"
            node.fault(message, f"Write ((/{name})) with the full path of the variable.", code=RELATIVE)
