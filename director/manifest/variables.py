"""``((placeholders))`` in documents, and the ``variables`` section (reference §4)."""

from __future__ import annotations

import re
from typing import Any, cast

from msgspec import Struct

from director.manifest.reader import INVALID_VALUE, Node, did_you_mean, unique
from director.model.deployment import VariableWanted
from director.model.errors import BadRequest

BAD_NAME = 540004
BAD_FORMAT = 560000
TWICE = 190022

PLACEHOLDER = re.compile(r"\(\(\s*(!?[^()]*?)\s*\)\)")
_NAME = re.compile(r"[a-zA-Z0-9_\-/]+")
_UPDATE_MODES = ("no-overwrite", "overwrite", "converge")
_STRATEGIES = ("on-deploy", "on-stemcell-change")


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
    reason = _fault_of(name)
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


def read_variables(node: Node, *, converge: bool = False) -> tuple[VariableWanted, ...]:
    """The section below ``variables``; ``converge`` is the default update mode of the feature of that name."""
    return tuple(wanted for wanted, _ in variable_nodes(node, converge=converge))


def variable_nodes(node: Node, *, converge: bool = False) -> list[tuple[VariableWanted, Node]]:
    """As `read_variables`, with places."""
    items = [item for item in node.items("variables", code=BAD_FORMAT)]
    found = [(wanted, item) for item in items if (wanted := _wanted(item, converge))]
    refuse_doubles(found)
    return found


def refuse_doubles(found: list[tuple[VariableWanted, Node]]) -> None:
    """A name may be wanted once, over manifest and runtime configs."""
    unique([(wanted.name, item) for wanted, item in found], "Variable name '{name}' must be unique.", code=TWICE)


def _wanted(node: Node, converge: bool) -> VariableWanted | None:
    name, kind = node.text("name"), node.text("type")
    options = node.hash("options", code=BAD_FORMAT)
    mode = _choice(node, "update_mode", _UPDATE_MODES, "converge" if converge else "no-overwrite")
    update = node.section("update")
    strategy = _choice(update, "strategy", _STRATEGIES, "on-deploy") if update else "on-deploy"
    consumes = node.hash("consumes", code=BAD_FORMAT)
    if name is None or kind is None:
        return None
    reason = _fault_of(name)
    if reason:
        remedy = "Use letters, digits, '_', '-' and '/'."
        node.fault(f"Variable name '{name}' is not valid: {reason}", remedy, code=BAD_NAME, at="name")
        return None
    return VariableWanted(name, kind, options, mode, strategy, consumes)


def _choice(node: Node, key: str, allowed: tuple[str, ...], default: str) -> str:
    given = node.text(key, required=False)
    if given is None:
        return default
    if given not in allowed:
        message = f"Invalid {key} '{given}', valid values are: {', '.join(allowed)}"
        node.fault(message, did_you_mean(given, allowed), code=INVALID_VALUE, at=key)
    return given


def _fault_of(name: str) -> str:
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
        for key, item in cast("dict[str, Any]", value).items():
            _collect(key, found)
            _collect(item, found)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            _collect(item, found)
