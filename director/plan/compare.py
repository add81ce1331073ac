"""Compare what was applied with what is wanted: the causes, and how deep the change goes (manifest contract §8)."""

from __future__ import annotations

from collections.abc import Set
from enum import IntEnum
from typing import Any

from msgspec import Struct

from director.model.instance import InstanceSpec, JobSpec, VmSpec
from director.model.placeholders import absolute_name, used_variables
from director.model.plan import Cause
from director.plan.causes import differences


class Depth(IntEnum):
    """How much of an instance a change touches."""

    NOTHING = 0
    RECORD = 1  # inputs moved, but what came of them did not: only the row is brought up to date
    TAGS = 2
    UPDATE = 3
    RECREATE = 4


class Change(Struct, frozen=True):
    """The deepest change and all causes; ``disk`` when the persistent disk itself changes, ``tags`` when the cloud has to be told."""

    depth: Depth
    causes: tuple[Cause, ...] = ()
    disk: bool = False
    tags: bool = False


NOTHING_ROTATED: frozenset[str] = frozenset()


def compare(old: InstanceSpec, new: InstanceSpec, rotated: Set[str] = NOTHING_ROTATED, director: str = "") -> Change:
    """All differences between two specs of one instance, deepest first. ``rotated``: absolute names of variables that have another version
    than when ``old`` was applied; relative names belong to ``director``."""
    if old == new and not rotated:
        return Change(Depth.NOTHING)

    def turned(value: Any) -> list[str]:
        if not rotated:
            return []
        return sorted(
            name for name in used_variables(value) if absolute_name(name, director, new.deployment) in rotated
        )

    recreate = vm_causes(old.vm, new.vm)
    for field, value in (
        ("cloud_properties", new.vm.cloud_properties),
        ("env", new.vm.env),
        ("network", new.vm.networks),
    ):
        recreate += [Cause(f"{field}.variables.{name}", None, "new value") for name in turned(value)]
    update = _place(old, new)
    moved = [job.name for job in new.jobs if _moved(old, new, job)]
    update += _job_list(old, new)
    for job in new.jobs:
        if job.name in moved:
            update += _job(next(one for one in old.jobs if one.name == job.name), job)
            update += [
                Cause(f"{job.name}.variables.{name}", None, "new value") for name in turned([job.properties, job.links])
            ]
    update += _packages(old, new)
    disk_variables = turned(new.disk.cloud_properties) if new.disk else []
    disks = _disks(old, new)
    disk = bool(disks or disk_variables)
    update += disks
    update += [Cause(f"persistent_disk.variables.{name}", None, "new value") for name in disk_variables]
    if old.state != new.state:
        update.append(Cause("state", old.state, new.state))
    if old.configuration_hash != new.configuration_hash and not update:
        told = f" ({', '.join(moved)})" if moved else ""
        update.append(Cause("configuration", old.configuration_hash[:8], new.configuration_hash[:8] + told))
    tags = differences("tags", old.tags, new.tags)
    causes = tuple((*recreate, *update, *tags))
    told_to_cloud = bool(tags) or (old.group, old.index) != (new.group, new.index)
    if recreate:
        return Change(Depth.RECREATE, causes, disk, told_to_cloud)
    if update:
        return Change(Depth.UPDATE, causes, disk, told_to_cloud)
    if tags:
        return Change(Depth.TAGS, causes, tags=True)
    return Change(Depth.NOTHING if old == new else Depth.RECORD, causes)


def vm_causes(a: VmSpec, b: VmSpec) -> list[Cause]:
    """Why a VM has to be made anew."""
    causes: list[Cause] = []
    if (a.stemcell_name, a.stemcell_version) != (b.stemcell_name, b.stemcell_version):
        causes.append(
            Cause("stemcell", f"{a.stemcell_name}/{a.stemcell_version}", f"{b.stemcell_name}/{b.stemcell_version}")
        )
    if a.cpi != b.cpi:
        causes.append(Cause("cpi", a.cpi or "default", b.cpi or "default"))
    causes += differences("cloud_properties", a.cloud_properties, b.cloud_properties)
    causes += differences("env", a.env, b.env)
    causes += differences("network", a.networks, b.networks)
    return causes


def _place(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    """What a migration to another group changes: the VM stays, its agent is told."""
    fields = (("instance_group", "group"), ("index", "index"), ("az", "az"))
    return [
        Cause(name, getattr(old, field), getattr(new, field))
        for name, field in fields
        if getattr(old, field) != getattr(new, field)
    ]


def _job_list(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    before, after = [job.name for job in old.jobs], [job.name for job in new.jobs]
    causes = [Cause(f"jobs.{name}", None, "added") for name in after if name not in before]
    return causes + [Cause(f"jobs.{name}", "present", "removed") for name in before if name not in after]


def _moved(old: InstanceSpec, new: InstanceSpec, after: JobSpec) -> bool:
    """Whether a job that was there changed: other code, or other inputs that made other files."""
    before = next((one for one in old.jobs if one.name == after.name), None)
    if before is None:
        return False
    if before.fingerprint != after.fingerprint:
        return True
    if before.inputs == after.inputs or old.configuration_hash == new.configuration_hash:
        return False
    hashes = old.template_hashes.get(after.name), new.template_hashes.get(after.name)
    return None in hashes or hashes[0] != hashes[1]


def _job(old: JobSpec, new: JobSpec) -> list[Cause]:
    causes: list[Cause] = []
    if old.fingerprint != new.fingerprint:
        causes.append(
            Cause(
                f"jobs.{new.name}",
                f"{old.release}/{old.release_version} {old.fingerprint[:8]}",
                f"{new.release}/{new.release_version} {new.fingerprint[:8]}",
            )
        )
    causes += differences(f"{new.name}.properties", old.properties, new.properties)
    for link in sorted({*old.links, *new.links}):
        causes += _link(f"{new.name}.links.{link}", old.links.get(link), new.links.get(link))
    return causes


def _link(path: str, old: Any, new: Any) -> list[Cause]:
    """A link's digest moves with everything in it: it is told only when nothing else is."""
    causes = differences(path, old, new)
    return [one for one in causes if one.field != f"{path}.digest"] or causes


def _packages(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    before = {one.name: one for one in old.packages}
    after = {one.name: one for one in new.packages}
    causes: list[Cause] = []
    for name in sorted({*before, *after}):
        a, b = before.get(name), after.get(name)
        if a is None or b is None:
            causes.append(Cause(f"packages.{name}", a and a.fingerprint[:8], b.fingerprint[:8] if b else "removed"))
        elif a.fingerprint != b.fingerprint:
            causes.append(Cause(f"packages.{name}", a.fingerprint[:8], b.fingerprint[:8]))
        elif a.dependency_key != b.dependency_key:
            causes.append(Cause(f"packages.{name}", None, "its dependencies changed"))
    return causes


def _disks(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    """A disk type's name alone moves no data."""
    size = (old.disk.size if old.disk else None), (new.disk.size if new.disk else None)
    causes: list[Cause] = []
    if size[0] != size[1]:
        causes.append(Cause("persistent_disk", *("none" if one is None else f"{one} MiB" for one in size)))
    if old.disk and new.disk:
        causes += differences("persistent_disk.cloud_properties", old.disk.cloud_properties, new.disk.cloud_properties)
    return causes
