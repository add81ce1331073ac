"""Rollout: how many canaries, how many at once, in which order of AZs (manifest contract §1.4, §8)."""

from __future__ import annotations

from collections.abc import Sequence

from director.model.deployment import UpdatePolicy
from director.model.errors import BadRequest


def count(value: int | str, of: int, *, least: int, name: str) -> int:
    """An int or ``N%`` (floor) of ``of``, at least ``least``, at most ``of``."""
    if isinstance(value, int):
        number = value
    elif value.endswith("%") and value[:-1].isdigit():
        number = of * int(value[:-1]) // 100
    elif value.isdigit():
        number = int(value)
    else:
        raise BadRequest(
            f"update.{name} is '{value}', which is neither a number nor a percentage",
            code=40001,
            remedy="Write 3 or 20%",
        )
    return max(least, min(number, of))


def az_order(azs: Sequence[str]) -> list[str]:
    """AZs in the order of first appearance."""
    return list(dict.fromkeys(azs))


def split(
    changed: Sequence[tuple[str, str]], policy: UpdatePolicy, *, first_deploy: bool
) -> list[tuple[str, int, bool, list[str]]]:
    """``changed``: (id, az) of the changed instances in order. Waves as (az, width, canary, ids)."""
    together = first_deploy and policy.initial_deploy_az_update_strategy == "parallel"
    zones = [""] if together else az_order([az for _, az in changed])
    waves: list[tuple[str, int, bool, list[str]]] = []
    for position, zone in enumerate(zones):
        ids = [one for one, az in changed if together or az == zone]
        width = count(policy.max_in_flight, len(ids), least=1, name="max_in_flight")
        canaries = count(policy.canaries, len(ids), least=0, name="canaries") if position == 0 else 0
        if canaries:
            waves.append((zone, width, True, ids[:canaries]))
        if ids[canaries:]:
            waves.append((zone, width, False, ids[canaries:]))
    return waves
