"""Which instances get another address, because their VM is made anew beside the one they have (create-swap-delete)."""

from __future__ import annotations

from collections.abc import Mapping

from director.model.cloud_config import Az
from director.plan.changes import Options, chosen, may_swap
from director.plan.compare import vm_causes
from director.plan.place import Placement
from director.plan.world import World
from director.service.catalogue import stemcell_for
from director.service.wanted import Bound, cloud_properties, vm_spec


def swapping(
    bound: Bound, placement: Placement, world: World, options: Options, states: Mapping[str, str]
) -> frozenset[str]:
    """Ids, found before links and variables are bound, as these depend on the addresses. A VM that is made anew only because a variable has
    another version keeps its address, and is therefore deleted first."""
    found: set[str] = set()
    for group in bound.deployment.instance_groups:
        if not may_swap(group) or (options.only and group.name not in options.only):
            continue
        for placed in placement.of(group.name):
            row = placed.row
            if row is None or row.applied is None or row.ignore or world.vm_of(row) is None:
                continue
            if states.get(placed.id, row.state) == "detached":
                continue
            az = bound.cloud.azs.get(placed.az, Az(placed.az))
            stemcell = stemcell_for(bound.stemcells[group.stemcell], az.cpi, group.stemcell)
            wanted = vm_spec(group, placed, az, stemcell, cloud_properties(bound, group, az))
            if chosen(options.recreate, placed.id) or vm_causes(row.applied.vm, wanted):
                found.add(placed.id)
    return frozenset(found)
