"""``update`` of a manifest or a group: a group overrides key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import structs

from director.manifest.reader import INVALID_VALUE, MISSING, Node, shown
from director.model.deployment import UpdatePolicy
from director.model.errors import BadRequest, Faults, Place

BAD_WATCH_TIME = 180001

_COUNTS = ("canaries", "max_in_flight")
_REQUIRED = ("canaries", "max_in_flight", "canary_watch_time", "update_watch_time")
_STRATEGIES = {
    "vm_strategy": ("delete-create", "create-swap-delete"),
    "initial_deploy_az_update_strategy": ("serial", "parallel"),
}
_COUNT = re.compile(r"\d+%?")
_WATCH = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def read_update(
    node: Node | None, above: UpdatePolicy | None, overrides: Mapping[str, int | str], faults: Faults
) -> UpdatePolicy:
    """``above`` is the manifest's policy for a group, None for the manifest itself, where four keys are required.

    ``overrides`` (canaries, max_in_flight of the request) come over both; ``vm_strategy`` among them is the director's default, below both.
    """
    policy = above or UpdatePolicy(vm_strategy=str(overrides.get("vm_strategy") or "delete-create"))
    if node is not None:
        if above is None:
            _require(node)
        policy = structs.replace(policy, **_given(node))
    wanted = {key: value for key in _COUNTS if (value := overrides.get(key)) is not None}
    for key, value in wanted.items():
        if not _COUNT.fullmatch(str(value)):
            message = f"Parameter '{key}' ({value}) is neither a count nor a percentage"
            remedy = "Give a whole number or a percentage such as 20%."
            faults.add(BadRequest(message, code=INVALID_VALUE, place=Place("request", 0, key), remedy=remedy))
    counts = {key: _number(str(value)) for key, value in wanted.items() if _COUNT.fullmatch(str(value))}
    return structs.replace(policy, **counts) if counts else policy


def _require(node: Node) -> None:
    for key in _REQUIRED:
        if node.value.get(key) is None:
            message = f"Required property '{key}' was not specified"
            node.fault(message, f"Add '{key}' to 'update'.", code=MISSING)


def _given(node: Node) -> dict[str, object]:
    out: dict[str, object] = {}
    for key in _COUNTS:
        if (count := _count(node, key)) is not None:
            out[key] = count
    for key in ("canary_watch_time", "update_watch_time"):
        if (watch := _watch(node, key)) is not None:
            out[key] = watch
    if node.value.get("serial") is not None:
        out["serial"] = node.flag("serial", True)
    for key, allowed in _STRATEGIES.items():
        given = node.text(key, required=False)
        if given is None:
            continue
        if given not in allowed:
            message = f"Invalid {key} '{given}', valid strategies are: {', '.join(allowed)}"
            node.fault(message, "Use one of them.", code=INVALID_VALUE, at=key)
        out[key] = given
    return out


def _count(node: Node, key: str) -> int | str | None:
    text = node.text(key, required=False)
    if text is None:
        return None
    if not _COUNT.fullmatch(text):
        message = f"'{key}' value ({shown(node.value[key])}) is neither a count nor a percentage"
        node.fault(message, "Write a whole number or a percentage such as 20%.", code=INVALID_VALUE, at=key)
        return None
    return _number(text)


def _number(text: str) -> int | str:
    return text if text.endswith("%") else int(text)


def _watch(node: Node, key: str) -> tuple[int | None, int] | None:
    text = node.text(key, required=False)
    if text is None:
        return None
    found = _WATCH.fullmatch(text)
    if not found:
        message = "Watch time should be an integer or a range of two integers"
        node.fault(message, "Write milliseconds: 30000 or 1000-30000.", code=BAD_WATCH_TIME, at=key)
        return None
    if found[2] is None:
        return None, int(found[1])
    low, high = int(found[1]), int(found[2])
    if low > high:
        message = "Min watch time cannot be greater than max watch time"
        node.fault(message, f"Write {high}-{low}.", code=BAD_WATCH_TIME, at=key)
        return None
    return low, high
