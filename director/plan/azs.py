"""Spread instances over AZs, keeping what exists (manifest contract §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence

from msgspec import Struct, field

from director.model.deployment import InstanceGroup
from director.model.errors import BadRequest, Place
from director.model.rows import InstanceRow


class Slot(Struct, frozen=True):
    """A place for one instance: its AZ, the existing row that keeps it, and its static addresses by network."""

    az: str
    row: InstanceRow | None = None
    static: dict[str, str] = field(default_factory=dict)


def by_name(az: str) -> str:
    """The usual tie-break between AZs: alphabetical."""
    return az


def spread(
    group: InstanceGroup,
    azs: Sequence[str],
    rows: Sequence[InstanceRow],
    with_disk: Container[str] = (),
    tie: Callable[[str], str] = by_name,
) -> list[Slot]:
    """Ignored instances stay; those with persistent disks stay while their AZ is listed; the rest goes to the AZ with least.

    ``rows`` by index; ``with_disk``: ids of instances that hold a disk. ``tie`` orders AZs that are equal otherwise.
    """
    count = group.instances
    slots: list[Slot] = []
    placed: Counter[str] = Counter(dict.fromkeys(azs, 0))
    left = {row.id: row for row in rows}

    def take(row: InstanceRow) -> None:
        del left[row.id]
        slots.append(Slot(row.az, row))
        placed[row.az] += 1

    for row in [one for one in rows if one.ignore]:
        if row.az not in placed:
            raise moved(row, f"its AZ '{row.az or 'none'}' is no longer one of {', '.join(azs) or 'none'}", group)
        if len(slots) == count:
            raise removed(row)
        take(row)
    for row in [one for one in rows if not one.ignore and one.id in with_disk and one.az in placed]:
        if len(slots) < count:
            take(row)
    waiting = {az: [row for row in left.values() if row.az == az][::-1] for az in azs}
    while len(slots) < count:
        az = min(azs, key=lambda one: (placed[one], not waiting[one], tie(one)))
        if waiting[az]:
            take(waiting[az].pop())
        else:
            slots.append(Slot(az))
            placed[az] += 1
    return slots


def moved(row: InstanceRow, why: str, group: InstanceGroup) -> BadRequest:
    """An ignored instance would have to change (190020)."""
    return BadRequest(
        f"Instance '{row.name}' is ignored, and {why}. Ignored instances cannot be modified",
        code=190020,
        place=Place("manifest", group.line, f"/instance_groups/name={group.name}"),
        remedy="Unignore it first, or leave this part of its group as it was",
    )


def removed(row: InstanceRow) -> BadRequest:
    """An ignored instance would have to go (190021)."""
    return BadRequest(
        f"You are trying to delete instance '{row.name}', which is ignored",
        code=190021,
        remedy="Unignore it first, or keep it in the manifest",
    )
