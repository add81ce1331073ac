"""What has to happen to one instance: nothing, tags, update, recreate, create, or a change of state."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from director.model.deployment import InstanceGroup
from director.model.instance import InstanceSpec
from director.model.plan import Cause
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.plan.compare import Change, Depth, compare
from director.plan.ids import Ids
from director.plan.sequences import Subject
from director.plan.world import Wanted


class Options(Struct, frozen=True):
    """A deploy's switches. ``recreate``/``restart`` hold instance ids, or ``*`` for all; ``skip_drain`` group names or ``*``;
    ``unresponsive`` are instance ids whose agent does not answer and that ``fix`` may recreate; ``width`` bounds creations and deletions;
    ``only``: touch these groups alone (then an errand group among them gets its VMs)."""

    recreate: frozenset[str] = frozenset()
    restart: frozenset[str] = frozenset()
    recreate_persistent_disks: bool = False
    skip_drain: frozenset[str] = frozenset()
    unresponsive: frozenset[str] = frozenset()
    force: bool = False
    width: int = 32
    only: frozenset[str] = frozenset()


class Work(Struct, frozen=True):
    """An instance with what has to be done to it. ``depth_name``: create, update, recreate, unchanged; ``creates``: its VM is made first."""

    subject: Subject
    group: InstanceGroup
    change: Change
    depth_name: str
    row: InstanceRow | None = None
    vm: VmRow | None = None
    creates: bool = False
    causes: tuple[Cause, ...] = field(default=())

    @property
    def task(self) -> str:
        """``group/uuid (index)``."""
        return f"{self.subject.spec.name} ({self.subject.spec.index})"


def chosen(names: frozenset[str], *ids: str) -> bool:
    """Whether a selection holds one of these ids or everything."""
    return "*" in names or any(one in names for one in ids)


def work_for(
    spec: InstanceSpec,
    group: InstanceGroup,
    row: InstanceRow | None,
    vm: VmRow | None,
    disk: DiskRow | None,
    options: Options,
    ids: Ids,
    wanted: Wanted,
) -> Work:
    """Compare one instance and say what its subject is."""
    skip = chosen(options.skip_drain, group.name)
    tags = dict(spec.tags)
    metadata = {
        "director": wanted.director,
        "deployment": spec.deployment,
        "id": spec.id,
        "job": spec.group,
        "instance_group": spec.group,
        "index": str(spec.index),
        "name": spec.name,
    }
    subject = Subject(
        spec=spec,
        agent_id=vm.agent_id if vm else "",
        disk=disk,
        variable_set=wanted.variable_set,
        tags=tags,
        metadata=metadata,
        skip_drain=skip,
    )
    if options.only and group.name not in options.only:
        return Work(subject, group, Change(Depth.NOTHING), "unchanged", row, vm)
    if group.lifecycle == "errand" and vm is None and not options.only:
        return Work(subject, group, Change(Depth.NOTHING), "unchanged", row)
    if row is not None and row.ignore:
        return Work(subject, group, Change(Depth.NOTHING), "unchanged", row, vm)
    new_disk = _new_disk(spec, disk, options, ids)
    if new_disk:
        subject = replace(subject, new_disk_key=new_disk)
    if row is None or row.applied is None:
        cause = (
            Cause("instance", None, "new") if row is None else Cause("dirty", "its first update did not finish", None)
        )
        return _creating(subject, group, row, vm, (cause,), ids, name="create")
    change = compare(row.applied, spec)
    causes = list(change.causes)
    depth = change.depth
    if new_disk and not change.disk:
        causes.append(Cause("persistent_disk", disk.object_key if disk else None, "recreate"))
        depth = max(depth, Depth.UPDATE)
    if row.dirty:
        causes.append(Cause("dirty", "the last update did not finish", None))
        depth = max(depth, Depth.UPDATE)
    if chosen(options.restart, spec.id):
        causes.append(Cause("restart", None, None))
        depth = max(depth, Depth.UPDATE)
    if chosen(options.recreate, spec.id) and spec.state != "detached":
        causes.append(Cause("recreate", None, None))
        depth = Depth.RECREATE
    if vm is not None and spec.id in options.unresponsive:
        causes.append(Cause("unresponsive agent", None, None))
        depth = Depth.RECREATE
        subject = replace(subject, tolerate=True)
    if spec.state == "detached":
        if vm is None:
            name = "unchanged" if depth <= Depth.RECORD or not causes else "update"
            return Work(subject, group, change, name, row, None, False, tuple(causes))
        return Work(
            subject, group, change, "update", row, vm, False, tuple(causes) or (Cause("state", row.state, "detached"),)
        )
    if vm is None:
        causes.append(Cause("vm", "missing", "present"))
        return _creating(
            subject,
            group,
            row,
            None,
            tuple(causes),
            ids,
            name="recreate" if row.applied.state != "detached" else "create",
        )
    if depth <= Depth.RECORD:
        return Work(subject, group, change, "unchanged", row, vm)
    if depth is Depth.RECREATE:
        subject = replace(subject, new_agent_id=ids.next(f"vm/{spec.id}"))
        return Work(
            subject, group, Change(depth, change.causes, change.disk), "recreate", row, vm, False, tuple(causes)
        )
    return Work(subject, group, Change(depth, change.causes, change.disk), "update", row, vm, False, tuple(causes))


def _creating(
    subject: Subject,
    group: InstanceGroup,
    row: InstanceRow | None,
    vm: VmRow | None,
    causes: tuple[Cause, ...],
    ids: Ids,
    *,
    name: str,
) -> Work:
    """An instance without jobs yet: with a VM left by an interrupted deploy it is replaced when that VM never spoke or is of another shape."""
    spec = subject.spec
    fits = vm is not None and vm.ready and vm.stemcell == (spec.vm.stemcell_name, spec.vm.stemcell_version)
    fits = (
        fits and vm is not None and vm.networks == spec.vm.networks and vm.cloud_properties == spec.vm.cloud_properties
    )
    if fits:
        return Work(subject, group, Change(Depth.UPDATE, causes), name, row, vm, False, causes)
    agent = ids.next(f"vm/{spec.id}") if spec.state != "detached" else ""
    subject = replace(subject, new_agent_id=agent, tolerate=vm is not None)
    if vm is not None:
        return Work(subject, group, Change(Depth.RECREATE, causes), name, row, vm, False, causes)
    return Work(subject, group, Change(Depth.RECREATE, causes), name, row, None, True, causes)


def _new_disk(spec: InstanceSpec, disk: DiskRow | None, options: Options, ids: Ids) -> str:
    """A key for a disk that has to be made: none there, or another size, name or cloud properties wanted."""
    if spec.disk is None or (spec.state == "detached" and disk is not None):
        return ""
    same = disk is not None and (disk.size, disk.name, disk.cloud_properties) == (
        spec.disk.size,
        spec.disk.name,
        spec.disk.cloud_properties,
    )
    if same and not options.recreate_persistent_disks:
        return ""
    return ids.next(f"disk/{spec.id}")
