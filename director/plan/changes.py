"""What has to happen to one instance: nothing, tags, update, recreate, create, or a change of state."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from director.model.deployment import Document, InstanceGroup
from director.model.instance import InstanceSpec
from director.model.placeholders import absolute_name, used_variables
from director.model.plan import Cause
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.plan.compare import NOTHING_ROTATED, Change, Depth, compare
from director.plan.ids import Ids
from director.plan.sequences import Subject
from director.plan.world import Wanted

CREATE_SWAP_DELETE = "create-swap-delete"


class Options(Struct, frozen=True):
    """A deploy's switches. ``recreate``/``restart`` hold instance ids, or ``*`` for all; ``skip_drain`` group names or ``*``;
    ``unresponsive`` are instance ids whose agent does not answer and that ``fix`` may recreate; ``unmounted`` those of dirty instances whose
    attached disk the agent has not mounted; ``width`` bounds creations and deletions;
    ``only``: touch these groups alone (then an errand group among them gets its VMs)."""

    recreate: frozenset[str] = frozenset()
    restart: frozenset[str] = frozenset()
    recreate_persistent_disks: bool = False
    skip_drain: frozenset[str] = frozenset()
    unresponsive: frozenset[str] = frozenset()
    unmounted: frozenset[str] = frozenset()
    force: bool = False
    width: int = 32
    only: frozenset[str] = frozenset()


class Work(Struct, frozen=True):
    """An instance with what has to be done to it. ``depth_name``: create, update, recreate, unchanged; ``creates``: its VM is made first;
    ``swaps``: a second VM is made first, which then takes the place of the one it has; ``stale``: nothing is done to it, but its row has to follow."""

    subject: Subject
    group: InstanceGroup
    change: Change
    depth_name: str
    row: InstanceRow | None = None
    vm: VmRow | None = None
    creates: bool = False
    swaps: bool = False
    stale: bool = False
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
        mounted=disk is not None and disk.active and bool(disk.attached_to) and spec.id not in options.unmounted,
        running=row is not None and (row.dirty or (row.applied is not None and row.applied.state == "started")),
        keep_unreachable=wanted.keep_unreachable,
    )
    untouched = Work(subject, group, Change(Depth.NOTHING), "unchanged", row, vm)
    if (options.only and group.name not in options.only) or (row is not None and row.ignore):
        return untouched
    if group.lifecycle == "errand" and not options.only and vm is None:
        return replace(untouched, stale=row is None or _stale(row, spec, wanted))
    new_disk = _new_disk(spec, disk, options, row, wanted, ids)
    if new_disk:
        subject = replace(subject, new_disk_key=new_disk)
    if row is None or row.applied is None:
        cause = Cause("instance", None, "new") if row is None else Cause("dirty")
        return _creating(subject, group, row, vm, (cause,), ids, options, name="create")
    change = compare(row.applied, spec, wanted.rotated.get(row.variable_set, NOTHING_ROTATED), wanted.director)
    causes = list(change.causes)
    depth = change.depth
    if new_disk and not change.disk:
        causes.append(
            Cause("recreate_persistent_disks") if disk is not None else Cause("persistent_disk", "missing", "present")
        )
        depth = max(depth, Depth.UPDATE)
    if row.dirty:
        causes.append(Cause("dirty"))
        depth = max(depth, Depth.UPDATE)
    if chosen(options.restart, spec.id):
        causes.append(Cause("restart"))
        depth = max(depth, Depth.UPDATE)
    # an interrupted task made it, and its agent never spoke
    mute = vm is not None and row.dirty and not vm.ready
    if mute or spec.id in options.unresponsive:
        subject = replace(subject, tolerate=True)
    if spec.state == "detached":
        return _detaching(replace(untouched, subject=subject, stale=_stale(row, spec, wanted)), row, vm, causes)
    if chosen(options.recreate, spec.id):
        causes.append(Cause("recreate"))
        depth = Depth.RECREATE
    if vm is not None and spec.id in options.unresponsive:
        causes.append(Cause("unresponsive agent"))
        depth = Depth.RECREATE
    elif mute:
        causes.append(Cause("vm", "never answered", "present"))
        depth = Depth.RECREATE
    if vm is None:
        detached = row.applied.state == "detached"
        if not detached:
            causes.append(Cause("vm", "missing", "present"))
        fresh = detached or group.lifecycle == "errand"
        return _creating(subject, group, row, None, tuple(causes), ids, options, name="create" if fresh else "recreate")
    if depth <= Depth.RECORD:
        return replace(untouched, change=change, stale=_stale(row, spec, wanted))
    change = replace(change, depth=depth)
    if depth is Depth.RECREATE:
        subject = replace(subject, new_agent_id=ids.next(f"vm/{spec.id}"))
        swaps = may_swap(group) and not _shared(vm.networks, spec.vm.networks)
        if swaps:
            causes.append(Cause("vm_strategy", None, CREATE_SWAP_DELETE))
        return Work(subject, group, change, "recreate", row, vm, swaps=swaps, causes=tuple(causes))
    return Work(subject, group, change, "update", row, vm, causes=tuple(causes))


def may_swap(group: InstanceGroup) -> bool:
    """Whether VMs of the group are replaced by others that are made first: a static address cannot be on two VMs at once."""
    static = any(network.static_ips for network in group.networks)
    return group.update.vm_strategy == CREATE_SWAP_DELETE and group.lifecycle == "service" and not static


def _shared(one: Document, other: Document) -> set[str]:
    """Addresses that both have."""
    a, b = ({str(net["ip"]) for net in each.values() if net.get("ip")} for each in (one, other))
    return a & b


def _stale(row: InstanceRow, spec: InstanceSpec, wanted: Wanted) -> bool:
    """Whether the row has to be brought up to date although nothing is done to the instance."""
    return row.applied != spec or row.variable_set != wanted.variable_set


def _detaching(untouched: Work, row: InstanceRow, vm: VmRow | None, causes: list[Cause]) -> Work:
    """Wanted without a VM: a VM that it has goes; otherwise only its row follows."""
    if vm is not None:
        told = tuple(causes) or (Cause("vm", "present", "none"),)
        return replace(untouched, change=Change(Depth.UPDATE), depth_name="update", causes=told)
    if row.dirty:
        return replace(untouched, change=Change(Depth.UPDATE), depth_name="update", causes=tuple(causes))
    return untouched


def _creating(
    subject: Subject,
    group: InstanceGroup,
    row: InstanceRow | None,
    vm: VmRow | None,
    causes: tuple[Cause, ...],
    ids: Ids,
    options: Options,
    *,
    name: str,
) -> Work:
    """An instance without jobs yet: a VM left by an interrupted deploy is replaced when it never spoke, is of another shape, or has to be."""
    spec = subject.spec
    if vm is not None:
        fits = (
            vm.ready
            and vm.stemcell == (spec.vm.stemcell_name, spec.vm.stemcell_version)
            and vm.cpi == spec.vm.cpi
            and _alike(vm.networks, spec.vm.networks)
            and vm.cloud_properties == spec.vm.cloud_properties
            and vm.env == spec.vm.env
        )
        if fits and spec.id not in options.unresponsive and not chosen(options.recreate, spec.id):
            return Work(subject, group, Change(Depth.UPDATE, causes), name, row, vm, causes=causes)
    agent = ids.next(f"vm/{spec.id}") if spec.state != "detached" else ""
    subject = replace(subject, new_agent_id=agent, tolerate=vm is not None)
    return Work(subject, group, Change(Depth.RECREATE, causes), name, row, vm, creates=vm is None, causes=causes)


def _alike(real: Document, wanted: Document) -> bool:
    """Whether a VM's networks are those wanted: the cloud may have settled more than was asked for."""
    return real.keys() == wanted.keys() and all(
        all(real[name].get(key) == value for key, value in settings.items()) for name, settings in wanted.items()
    )


def _new_disk(
    spec: InstanceSpec, disk: DiskRow | None, options: Options, row: InstanceRow | None, wanted: Wanted, ids: Ids
) -> str:
    """A key for a disk that has to be made: none there, or another size or other cloud properties wanted."""
    if spec.disk is None or (spec.state == "detached" and disk is not None):
        return ""
    same = disk is not None and (disk.size, disk.cloud_properties) == (spec.disk.size, spec.disk.cloud_properties)
    rotated = wanted.rotated.get(row.variable_set, NOTHING_ROTATED) if row is not None else NOTHING_ROTATED
    if rotated and same:
        names = used_variables(spec.disk.cloud_properties)
        same = not any(absolute_name(name, wanted.director, spec.deployment) in rotated for name in names)
    if same and not options.recreate_persistent_disks:
        return ""
    return ids.next(f"disk/{spec.id}")
