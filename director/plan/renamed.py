"""CPIs that have another name now: what was made under the former one counts as made under the present one, and nothing is made anew for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from director.model.rows import DiskRow, InstanceRow, StemcellRow, VmRow
from director.plan.world import World

Made = TypeVar("Made", VmRow, DiskRow, StemcellRow)


def under_present_names(world: World, renamed: Mapping[str, str]) -> World:
    """``renamed``: present names by former ones. Rows that a deploy changes are saved under the present name by that."""
    if not renamed:
        return world
    return World(
        tuple(_instance(row, renamed) for row in world.instances),
        tuple(_present(row, renamed) for row in world.vms),
        tuple(_present(row, renamed) for row in world.disks),
    )


def stemcells_under_present_names(rows: Sequence[StemcellRow], renamed: Mapping[str, str]) -> list[StemcellRow]:
    """What was uploaded under the present name comes first."""
    return sorted((_present(row, renamed) for row in rows), key=lambda row: row not in rows)


def _instance(row: InstanceRow, renamed: Mapping[str, str]) -> InstanceRow:
    if row.applied is None or row.applied.vm.cpi not in renamed:
        return row
    vm = replace(row.applied.vm, cpi=renamed[row.applied.vm.cpi])
    return replace(row, applied=replace(row.applied, vm=vm))


def _present(row: Made, renamed: Mapping[str, str]) -> Made:
    return replace(row, cpi=renamed[row.cpi]) if row.cpi in renamed else row
