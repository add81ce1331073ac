"""Compare what was applied with what is wanted: the causes, and how deep the change goes."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from msgspec import Struct

from director.model.instance import InstanceSpec, JobSpec
from director.model.plan import Cause

SHORT = 60


class Depth(IntEnum):
    """How much of an instance a change touches."""

    NOTHING = 0
    RECORD = 1  # inputs moved, but what came of them did not: only the row is brought up to date
    TAGS = 2
    UPDATE = 3
    RECREATE = 4


class Change(Struct, frozen=True):
    """The deepest change and all causes; ``disk`` when the persistent disk itself changes."""

    depth: Depth
    causes: tuple[Cause, ...] = ()
    disk: bool = False


def compare(old: InstanceSpec, new: InstanceSpec) -> Change:
    """All differences between two specs of one instance, deepest first."""
    recreate = list(_vm(old, new))
    update = list(_jobs(old, new)) + list(_packages(old, new))
    disk = old.disk != new.disk
    if disk:
        update.append(Cause("persistent_disk", _disk(old), _disk(new)))
    if old.state != new.state:
        update.append(Cause("state", old.state, new.state))
    if old.configuration_hash != new.configuration_hash and not update:
        update.append(Cause("configuration", old.configuration_hash[:8], new.configuration_hash[:8]))
    if old.bootstrap != new.bootstrap and not update:
        update.append(Cause("bootstrap", old.bootstrap, new.bootstrap))
    tags = [
        Cause(f"tags.{key}", old.tags.get(key), new.tags.get(key))
        for key in sorted({*old.tags, *new.tags})
        if old.tags.get(key) != new.tags.get(key)
    ]
    causes = tuple((*recreate, *update, *tags))
    if recreate:
        return Change(Depth.RECREATE, causes, disk)
    if update:
        return Change(Depth.UPDATE, causes, disk)
    if tags:
        return Change(Depth.TAGS, causes)
    return Change(Depth.NOTHING if old == new else Depth.RECORD, causes)


def _vm(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    a, b = old.vm, new.vm
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
    if old.az != new.az:
        causes.append(Cause("az", old.az, new.az))
    return causes


def _jobs(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    before = {job.name: job for job in old.jobs}
    after = {job.name: job for job in new.jobs}
    causes = [Cause(f"jobs.{name}", None, "added") for name in after if name not in before]
    causes += [Cause(f"jobs.{name}", "present", "removed") for name in before if name not in after]
    for name, job in after.items():
        if name in before and _moved(old, before[name], new, job):
            causes += _job(before[name], job)
    return causes


def _moved(old: InstanceSpec, before: JobSpec, new: InstanceSpec, after: JobSpec) -> bool:
    """Whether a job changed: other code, or other inputs that made other files."""
    if before.fingerprint != after.fingerprint:
        return True
    return before.inputs != after.inputs and old.configuration_hash != new.configuration_hash


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
    causes += differences(f"{new.name}.links", old.links, new.links)
    # the digest saw something that the causes do not show, such as a rotated variable or an address
    return causes or [Cause(f"jobs.{new.name}.inputs", old.inputs[:8], new.inputs[:8])]


def _packages(old: InstanceSpec, new: InstanceSpec) -> list[Cause]:
    before = {one.name: one for one in old.packages}
    after = {one.name: one for one in new.packages}
    causes: list[Cause] = []
    for name in sorted({*before, *after}):
        a, b = before.get(name), after.get(name)
        if a != b:
            causes.append(
                Cause(f"packages.{name}", a.fingerprint[:8] if a else None, b.fingerprint[:8] if b else "removed")
            )
    return causes


def _disk(spec: InstanceSpec) -> str | None:
    if spec.disk is None:
        return None
    return f"{spec.disk.size} MiB" + (f" ({spec.disk.name})" if spec.disk.name else "")


def differences(path: str, old: Any, new: Any) -> list[Cause]:
    """The leaves in which two documents differ, as causes with dotted paths; long values are shortened."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        causes: list[Cause] = []
        for key in sorted({*old, *new}, key=str):
            causes += differences(f"{path}.{key}", old.get(key), new.get(key))
        return causes
    return [Cause(path, _shown(old), _shown(new))]


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
