"""Datastores: which there are, what is free on them, which of them a VM or disk may take."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from cpi.contract import CloudError, NoDiskSpace
from cpi.vsphere import reads
from cpi.vsphere.inventory import Place

MIB = 1024 * 1024
HEADROOM = 1024 * MIB
"""Bytes that are left free on each datastore."""
PATHS = ("name", "summary.freeSpace", "summary.accessible", "summary.maintenanceMode")


@dataclass(frozen=True, slots=True)
class Store:
    """A datastore. `free` is in bytes; a `usable` one is reachable and not in maintenance."""

    ref: Any
    name: str
    free: int
    usable: bool

    @property
    def id(self) -> str:
        """vCenter's id of it."""
        return str(self.ref._moId)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which datastores are meant: by name and datastore cluster, or by patterns."""

    names: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    pattern: str = ""
    cluster_pattern: str = ""

    def __str__(self) -> str:
        named = [*self.names, *(f"datastore cluster {name}" for name in self.clusters)]
        patterns = [f"/{one}/" for one in (self.pattern, self.cluster_pattern) if one]
        return ", ".join(named or patterns)


def of_cluster(place: Place, cluster: Any) -> list[Store]:
    """All that the cluster's hosts share."""
    return _stores(place, (place.read(cluster, "datastore") or {}).get("datastore") or [])


def of_datacenter(place: Place) -> list[Store]:
    """All of the datacenter."""
    return _stores(place, (place.read(place.dc, "datastore") or {}).get("datastore") or [])


def chosen(place: Place, stores: Iterable[Store], choice: Choice) -> list[Store]:
    """Those that are meant; CloudError names one that does not exist."""
    known = list(stores)
    if choice.names or choice.clusters:
        missing = set(choice.names) - {store.name for store in known}
        if missing:
            raise CloudError(f"datastore '{min(missing)}' does not exist where the VM or disk is to be", facts=place.facts())  # fmt: skip
        pods = _in_pods(place, lambda name: name in choice.clusters, required=choice.clusters)
        return [store for store in known if store.name in choice.names or store.id in pods]
    pods = _in_pods(place, lambda name: bool(re.search(choice.cluster_pattern, name))) if choice.cluster_pattern else set()  # fmt: skip
    by_name = [store for store in known if choice.pattern and re.search(choice.pattern, store.name)]
    return by_name + [store for store in known if store.id in pods and store not in by_name]


def roomy(place: Place, stores: Sequence[Store], choice: Choice, size: int, near: Iterable[str] = ()) -> Store:
    """One with `size` bytes to spare, of those `near` if one of them has; chance prefers the emptier ones."""
    if not stores:
        raise CloudError(f"no datastore is meant by {choice}", facts=place.facts())
    fitting = [store for store in stores if store.usable and store.free >= size + HEADROOM]
    if not fitting:
        told = ", ".join(
            f"{store.name} has {store.free // MIB} MiB" + ("" if store.usable else " and is not usable")
            for store in stores
        )
        raise NoDiskSpace(
            f"no datastore has {size // MIB} MiB and {HEADROOM // MIB} MiB to spare: {told}", facts=place.facts()
        )
    close = [store for store in fitting if store.id in set(near)]
    candidates = close or fitting
    return random.choices(candidates, [store.free for store in candidates])[0]  # noqa: S311


def vm_choice(place: Place) -> Choice:
    """Where VMs go unless their type names datastores."""
    dc = place.config.datacenter
    return Choice(pattern=dc.datastore_pattern, cluster_pattern=dc.datastore_cluster_pattern)


def disk_choice(place: Place) -> Choice:
    """Where disks go unless their type names datastores: as VMs, when nothing is said of disks."""
    dc = place.config.datacenter
    if not dc.persistent_datastore_pattern and not dc.persistent_datastore_cluster_pattern:
        return vm_choice(place)
    return Choice(pattern=dc.persistent_datastore_pattern, cluster_pattern=dc.persistent_datastore_cluster_pattern)


def unmixed(place: Place, stores: Iterable[Store]) -> None:
    """Refuse a datastore for VMs and for disks where `allow_mixed_datastores` is false."""
    if place.config.datacenter.allow_mixed_datastores:
        return
    known = list(stores)
    disks = {store.name for store in chosen(place, known, disk_choice(place))}
    both = sorted(disks & {store.name for store in chosen(place, known, vm_choice(place))})
    if both:
        raise CloudError(
            f"datastore '{both[0]}' is meant for VMs and for disks, and allow_mixed_datastores is false",
            facts=place.facts(),
        )


def _stores(place: Place, refs: Sequence[Any]) -> list[Store]:
    found = place.read_all(refs, *PATHS)
    return [_store(ref, found[ref._moId]) for ref in refs if ref._moId in found]


def _store(ref: Any, values: reads.Values) -> Store:
    usable = values.get("summary.accessible") is not False and values.get("summary.maintenanceMode") in (None, "normal")
    return Store(ref, str(values.get("name")), int(values.get("summary.freeSpace") or 0), usable)


def _in_pods(place: Place, meant: Any, required: Sequence[str] = ()) -> set[str]:
    pods = reads.below(
        place.session, place.call, place.roots["datastoreFolder"], vim.StoragePod, ("name", "childEntity")
    )
    missing = set(required) - {values.get("name") for _, values in pods}
    if missing:
        raise CloudError(f"datastore cluster '{min(missing)}' does not exist", facts=place.facts())
    return {
        str(store._moId) for _, values in pods if meant(values.get("name", "")) for store in values.get("childEntity") or []
    }  # fmt: skip
