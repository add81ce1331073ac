"""Place: which instances there are, in which AZ, with which index and addresses. Pure; keeps what exists wherever it may stay."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, Document, InstanceGroup
from director.model.rows import AddressRow, InstanceRow
from director.plan.assign import Assigner
from director.plan.azs import Slot, spread, spread_static
from director.plan.ids import Ids


class Placed(Struct, frozen=True):
    """One instance as it shall stand. ``networks`` is create_vm's argument; ``addresses`` by network (manual and vip only)."""

    group: str
    id: str
    index: int
    az: str
    bootstrap: bool
    networks: Document
    addresses: dict[str, str]
    row: InstanceRow | None = None


class Placement(Struct, frozen=True):
    """All instances by group, in manifest order; ``obsolete`` ones are to go."""

    instances: tuple[Placed, ...]
    obsolete: tuple[InstanceRow, ...] = ()
    wanted_state: dict[str, str] = field(default_factory=dict)

    def of(self, group: str) -> list[Placed]:
        return [one for one in self.instances if one.group == group]


def place(
    deployment: Deployment,
    cloud: CloudConfig,
    existing: Sequence[InstanceRow],
    held: Sequence[AddressRow],
    ids: Ids,
    avoid: Sequence[str] = (),
) -> Placement:
    """``existing``: all instance rows of the deployment; ``held``: addresses of all deployments; ``avoid``: the director's own."""
    assigner = Assigner(cloud, {one.address: one for one in held}, set(avoid))
    chosen: list[tuple[InstanceGroup, list[tuple[Slot, int, bool]]]] = []
    kept: set[str] = set()
    for group in deployment.instance_groups:
        rows = candidates(group, existing)
        slots = slots_of(group, cloud, rows)
        kept.update(slot.row.id for slot in slots if slot.row)
        chosen.append((group, number(group, slots)))
    obsolete = tuple(row for row in existing if row.id not in kept)
    for row in obsolete:
        assigner.release(row.id)
    # what exists keeps its address before anything new takes one
    for group, numbered in chosen:
        for slot, _, _ in numbered:
            if slot.row is not None:
                assigner.keep(group, slot.row, slot)
    placed: list[Placed] = []
    for group, numbered in chosen:
        for slot, index, bootstrap in numbered:
            instance_id = slot.row.id if slot.row else ids.next(f"instance/{deployment.name}/{group.name}/{index}")
            networks, addresses = assigner.settle(group, instance_id, slot)
            placed.append(Placed(group.name, instance_id, index, slot.az, bootstrap, networks, addresses, slot.row))
    return Placement(tuple(placed), obsolete)


def candidates(group: InstanceGroup, existing: Sequence[InstanceRow]) -> list[InstanceRow]:
    """Existing instances that this group may keep: its own and those it migrates from, lowest index first."""
    names = {group.name, *(name for name, _ in group.migrated_from)}
    return sorted((row for row in existing if row.group in names), key=lambda row: (row.group != group.name, row.index))


def slots_of(group: InstanceGroup, cloud: CloudConfig, rows: list[InstanceRow]) -> list[Slot]:
    """AZ and kept row of each wanted instance."""
    azs = group.azs or ("",)
    if any(network.static_ips for network in group.networks):
        return spread_static(group, cloud, rows)
    return spread(group.instances, azs, rows)


def number(group: InstanceGroup, slots: list[Slot]) -> list[tuple[Slot, int, bool]]:
    """Indexes (kept for the group's own, lowest free one otherwise) and the one bootstrap instance, by index."""
    used = {slot.row.index for slot in slots if slot.row and slot.row.group == group.name}
    numbered: list[tuple[Slot, int]] = []
    free = 0
    for slot in slots:
        if slot.row and slot.row.group == group.name:
            numbered.append((slot, slot.row.index))
            continue
        while free in used:
            free += 1
        used.add(free)
        numbered.append((slot, free))
    numbered.sort(key=lambda pair: pair[1])
    boot = next(
        (index for slot, index in numbered if slot.row and slot.row.bootstrap), numbered[0][1] if numbered else -1
    )
    return [(slot, index, index == boot) for slot, index in numbered]
