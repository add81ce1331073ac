"""Which cluster, resource pool and datastore a VM gets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from cpi.contract import CloudError, CpiError, VMCreationFailed
from cpi.vsphere import reads, stores
from cpi.vsphere.config import Cluster
from cpi.vsphere.inventory import Place
from cpi.vsphere.stores import MIB, Choice, Store

HOST_PATHS = (
    "summary.hardware.memorySize",
    "summary.quickStats.overallMemoryUsage",
    "summary.hardware.cpuMhz",
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a VM goes. `host` is set only where a rule demands one; `mhz` is what one CPU of its hosts has."""

    cluster: Cluster
    ref: Any
    pool: Any
    store: Store
    mhz: int
    host: Any = None


def spot(place: Place, clusters: Sequence[Cluster], choice: Choice, memory: int, size: int, disk_cids: Sequence[str]) -> Spot:  # fmt: skip
    """For `memory` MiB and `size` MiB of disk, near the disks if it can be; the clusters with more free memory are preferred."""
    known = _clusters(place)
    weighted: list[tuple[int, Cluster, Any, int, Any]] = []
    told: list[str] = []
    for cluster in clusters:
        ref = known.get(cluster.name)
        if ref is None:
            raise CloudError(
                f"cluster '{cluster.name}' does not exist in datacenter {place.config.datacenter.name}",
                facts=place.facts(),
            )
        free, largest, mhz, host = _hosts(place, ref, cluster)
        if largest < memory:
            told.append(f"cluster {cluster.name} has no host with {memory} MiB of memory free (at most {largest})")
        else:
            weighted.append((free, cluster, ref, mhz, host))
    lack: CpiError | None = None
    for _, cluster, ref, mhz, host in sorted(weighted, key=lambda one: -one[0] * random.random()):  # noqa: S311
        try:
            meant = stores.chosen(place, stores.of_cluster(place, ref), choice)
            store = stores.roomy(place, meant, choice, (memory + size) * MIB, _near(place, disk_cids))
        except CpiError as error:
            told.append(f"cluster {cluster.name}: {error.message}")
            lack = lack or error
            continue
        return Spot(cluster, ref, _pool(place, ref, cluster), store, mhz, host)
    text = "; ".join(told)
    if lack is not None and len(told) == 1:
        raise lack
    raise VMCreationFailed(f"no cluster can take the VM: {text}", facts=place.facts())


def _clusters(place: Place) -> dict[str, Any]:
    found = reads.below(place.session, place.call, place.dc, vim.ClusterComputeResource, ["name"])
    return {str(values.get("name")): ref for ref, values in found}


def _hosts(place: Place, ref: Any, cluster: Cluster) -> tuple[int, int, int, Any]:
    hosts = (place.read(ref, "host") or {}).get("host") or []
    if cluster.host_group:
        hosts = group_of(place, ref, cluster.host_group)
    found = place.read_all(hosts, *HOST_PATHS)
    free: dict[str, int] = {}
    for id, values in found.items():
        if values.get("runtime.connectionState", "connected") == "connected" and not values.get("runtime.inMaintenanceMode"):  # fmt: skip
            total = int(values.get("summary.hardware.memorySize") or 0) // MIB
            free[id] = total - int(values.get("summary.quickStats.overallMemoryUsage") or 0)
    mhz = max((int(values.get("summary.hardware.cpuMhz") or 0) for values in found.values()), default=0)
    best = max(free, key=lambda id: free[id], default=None)
    demanded = next((host for host in hosts if host._moId == best), None) if cluster.host_rule == "MUST" else None
    return sum(free.values()), max(free.values(), default=0), mhz, demanded


def group_of(place: Place, ref: Any, name: str) -> list[Any]:
    """The hosts of a host group."""
    groups = (place.read(ref, "configurationEx.group") or {}).get("configurationEx.group") or []
    for group in groups:
        if isinstance(group, vim.cluster.HostGroup) and group.name == name:
            return list(group.host or [])
    raise CloudError(f"host group '{name}' does not exist in its cluster", facts=place.facts())


def _pool(place: Place, ref: Any, cluster: Cluster) -> Any:
    root = (place.read(ref, "resourcePool") or {})["resourcePool"]
    if not cluster.pool:
        return root
    found = reads.below(place.session, place.call, root, vim.ResourcePool, ["name"])
    matching = [one for one, values in found if values.get("name") == cluster.pool]
    if len(matching) != 1:
        number = "no" if not matching else str(len(matching))
        raise CloudError(
            f"cluster '{cluster.name}' has {number} resource pools called '{cluster.pool}'", facts=place.facts()
        )
    return matching[0]


def _near(place: Place, disk_cids: Sequence[str]) -> list[str]:
    if not disk_cids:
        return []
    from cpi.vsphere import disks  # disks know placement too

    found = (disks.find(place, cid) for cid in disk_cids)
    return [disk.store.id for disk in found if disk is not None]
