"""The ``variables`` section of a manifest or runtime config; ``used_variables`` of a document."""

from __future__ import annotations

from director.manifest.reader import INVALID_VALUE, Node, did_you_mean, unique
from director.model.deployment import VariableWanted
from director.model.placeholders import BAD_NAME, absolute_name, name_fault, used_variables

__all__ = ["absolute_name", "read_variables", "refuse_doubles", "used_variables", "variable_nodes"]

BAD_FORMAT = 560000
TWICE = 190022

_UPDATE_MODES = ("no-overwrite", "overwrite", "converge")
_STRATEGIES = ("on-deploy", "on-stemcell-change")


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
    reason = name_fault(name)
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
