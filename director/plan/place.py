"""Place: which instances there are, in which AZ, with which index and addresses. Pure; keeps what exists wherever it may stay."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from msgspec import Struct
from msgspec.structs import replace

from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, Document, InstanceGroup
from director.model.rows import AddressRow, InstanceRow
from director.plan.assign import Assigner
from director.plan.azs import Slot, by_name, removed, spread
from director.plan.ids import Ids
from director.plan.static import spread_static


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

    def of(self, group: str) -> list[Placed]:
        return [one for one in self.instances if one.group == group]


def place(
    deployment: Deployment,
    cloud: CloudConfig,
    existing: Sequence[InstanceRow],
    held: Sequence[AddressRow],
    ids: Ids,
    avoid: Sequence[str] = (),
    with_disk: Container[str] = (),
    fresh: Container[str] = (),
) -> Placement:
    """``existing``: all instance rows of the deployment; ``held``: addresses of all deployments; ``avoid``: the director's own;
    ``with_disk``: ids of instances that hold a persistent disk; ``fresh``: of those that get other addresses than they have."""
    known = remembered(existing, {one.address: one for one in held})
    assigner = Assigner(cloud, known, set(avoid))
    owners = {address: one.owner for address, one in known.items()}
    tie = _shuffled(ids) if deployment.features.get("randomize_az_placement") else by_name
    chosen: list[tuple[InstanceGroup, list[tuple[Slot, int, bool]]]] = []
    kept: set[str] = set()
    for group in deployment.instance_groups:
        rows = [row for row in candidates(group, existing) if row.id not in kept]
        if any(network.static_ips for network in group.networks):
            slots = spread_static(group, cloud, rows, owners)
        else:
            slots = spread(group, group.azs or ("",), rows, with_disk, tie)
        kept.update(slot.row.id for slot in slots if slot.row)
        chosen.append((group, number(group, slots, existing)))
    obsolete = tuple(row for row in existing if row.id not in kept)
    for row in obsolete:
        if row.ignore:
            raise removed(row)
        assigner.release(row.id)
    # what exists keeps its address before anything new takes one
    for group, numbered in chosen:
        for slot, _, _ in numbered:
            if slot.row is not None and slot.row.id not in fresh:
                assigner.keep(group, slot.row, slot)
    placed: list[Placed] = []
    for group, numbered in chosen:
        for slot, index, bootstrap in numbered:
            instance_id = slot.row.id if slot.row else ids.next(f"instance/{deployment.name}/{group.name}/{index}")
            networks, addresses = assigner.settle(group, instance_id, slot)
            placed.append(Placed(group.name, instance_id, index, slot.az, bootstrap, networks, addresses, slot.row))
    return Placement(tuple(placed), obsolete)


def remembered(existing: Sequence[InstanceRow], held: dict[str, AddressRow]) -> dict[str, AddressRow]:
    """The held addresses, and for instances that hold none (an errand's, between two runs) those of their spec, unless others have them."""
    holders = {one.owner for one in held.values()}
    known = dict(held)
    for row in existing:
        if row.id in holders or row.applied is None:
            continue
        for network, settings in row.applied.vm.networks.items():
            address = settings.get("ip")
            if address and address not in known:
                known[address] = AddressRow(address=address, network=network, deployment=row.deployment, owner=row.id)
    return known


def candidates(group: InstanceGroup, existing: Sequence[InstanceRow]) -> list[InstanceRow]:
    """Existing instances that this group may keep: its own, lowest index first, then those it migrates from; these get the AZ that the
    migration gives them when they had none."""
    azs = dict(group.migrated_from)
    own = [row for row in existing if row.group == group.name]
    others = [
        replace(row, az=row.az or azs[row.group] or "")
        for row in existing
        if row.group in azs and row.group != group.name
    ]
    return sorted(own, key=lambda row: row.index) + sorted(others, key=lambda row: row.index)


def number(
    group: InstanceGroup, slots: list[Slot], existing: Sequence[InstanceRow] = ()
) -> list[tuple[Slot, int, bool]]:
    """Indexes and the one bootstrap instance, by index. The group's own keep their index, others get the lowest free one; those of
    instances that are to go are not free before they are gone."""
    used = {row.index for row in existing if row.group == group.name}
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


def _shuffled(ids: Ids) -> Callable[[str], str]:
    """AZs in an order that looks random but follows from the plan's seed."""
    names: dict[str, str] = {}

    def tie(az: str) -> str:
        if az not in names:
            names[az] = ids.next(f"az/{az}")
        return names[az]

    return tie
