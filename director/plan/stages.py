"""The stages of a deploy's plan: compile, delete, create, update wave by wave, close."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from director.model.actions import (
    CompilePackage,
    CreateVm,
    DeleteDisk,
    DeleteVm,
    DetachDisk,
    OrphanDisk,
    RunScript,
    SaveDeployment,
    UnmountDisk,
    UpdateTags,
    WaitAgent,
)
from director.model.deployment import InstanceGroup, UpdatePolicy
from director.model.errors import BadRequest
from director.model.instance import VmSpec
from director.model.plan import Cause, Stage, Unit
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.plan import sequences
from director.plan.changes import Options, Work, chosen
from director.plan.compare import Depth
from director.plan.ids import Ids
from director.plan.rollout import split
from director.plan.sequences import Steps, Subject
from director.plan.subnets import dynamic_settings, free_addresses, manual_settings, serves
from director.plan.world import Wanted


def compile_stage(wanted: Wanted, ids: Ids, taken: set[str], agents: list[str]) -> Stage | None:
    """One unit per missing package, each with a VM of its own, after the packages that it depends on; ``workers`` at once."""
    if not wanted.builds:
        return None
    compilation = wanted.cloud.compilation
    if compilation is None:
        raise BadRequest(
            "Packages have to be compiled, but the cloud config has no 'compilation' section",
            code=120001,
            remedy="Add compilation: {workers, network, az, vm_type} to the cloud config",
        )
    network = wanted.cloud.networks[compilation.network]
    az = wanted.cloud.azs.get(compilation.az)
    stemcells = {f"{s.vm.stemcell_os}/{s.vm.stemcell_version}": s.vm for s in wanted.specs}
    units: list[Unit] = []
    for build in wanted.builds:
        agent = ids.next(f"compile/{build.key}")
        agents.append(agent)
        default = ("dns", "gateway")
        if network.type == "dynamic":
            subnet = next(one for one in network.subnets if serves(one, compilation.az))
            networks = {network.name: dynamic_settings(subnet, default)}
        else:
            found = next(free_addresses(network, compilation.az, taken), None)
            if found is None:
                raise BadRequest(
                    f"Failed to reserve IP for compilation on network '{network.name}': no more available",
                    code=130011,
                    remedy="Widen the network's range or shorten its reserved and static lists",
                )
            taken.add(found[1])
            networks = {network.name: manual_settings(*found, default)}
        like = stemcells[build.stemcell]
        vm = VmSpec(
            cpi=az.cpi if az else "",
            stemcell_name=like.stemcell_name,
            stemcell_version=like.stemcell_version,
            stemcell_os=like.stemcell_os,
            cloud_properties={**(az.cloud_properties if az else {}), **compilation.cloud_properties},
            env=compilation.env,
            networks=networks,
            vm_type="compilation",
        )
        name = f"{build.package.name}/{build.package.fingerprint}"
        steps = Steps(
            f"compile/{name}", (Cause(f"packages.{build.package.name}", None, f"not compiled for {build.stemcell}"),)
        )
        metadata = {
            "director": wanted.director,
            "deployment": wanted.deployment.name,
            "compiling": build.package.name,
            "name": f"compiling-{name}",
        }
        create = CreateVm(
            agent_id=agent,
            object_key=agent,
            deployment=wanted.deployment.name,
            vm=vm,
            group="compilation",
            purpose="compilation",
            tags=wanted.deployment.tags,
            variable_set=wanted.variable_set,
            metadata=metadata,
        )
        steps.add(create, "create a compilation VM")
        spec = {
            "deployment": wanted.deployment.name,
            "job": {"name": f"compilation-{agent}"},
            "index": 0,
            "id": agent,
            "networks": networks,
        }
        steps.add(WaitAgent(agent_id=agent, spec=spec), "wait for the agent")
        compile_package = CompilePackage(
            agent_id=agent,
            release=build.release,
            name=build.package.name,
            version=build.package.version,
            fingerprint=build.package.fingerprint,
            digest=build.package.digest,
            blob_id=build.package.blob_id,
            stemcell=build.stemcell,
            dependency_key=build.dependency_key,
            dependencies=build.dependencies,
        )
        steps.add(compile_package, f"compile {build.package.name}")
        steps.add(DeleteVm(agent_id=agent, release=True), "delete the compilation VM")
        units.append(Unit(id=build.key, task=name, steps=tuple(steps.list), needs=build.needs))
    present = {one.id for one in units}
    units = [replace(one, needs=tuple(need for need in one.needs if need in present)) for one in units]
    return Stage("compile", "Compiling packages", tuple(units), width=compilation.workers)


def delete_stage(
    rows: Sequence[tuple[InstanceRow, DiskRow | None]],
    title: str,
    options: Options,
    *,
    width: int,
    deployment_goes: bool = False,
    id: str = "delete",
) -> Stage | None:
    """Instances that are to go."""
    units: list[Unit] = []
    for row, disk in rows:
        cause = (
            Cause("deployment", None, "deleted")
            if deployment_goes
            else Cause("instance", "present", "not wanted any more")
        )
        steps = Steps(f"{id}/{row.id}", (cause,))
        if row.applied is not None:
            subject = Subject(
                spec=row.applied,
                agent_id=row.agent_id,
                disk=disk,
                skip_drain=chosen(options.skip_drain, row.group),
                tolerate=options.force or row.id in options.unresponsive,
            )
            sequences.delete(steps, subject, deployment_goes=deployment_goes)
        else:
            sequences.forget(steps, row, disk)
        units.append(Unit(id=row.id, task=f"{row.name} ({row.index})", steps=tuple(steps.list)))
    return Stage(id, title, tuple(units), width=width) if units else None


def leftover_stage(vms: Sequence[VmRow], disks: Sequence[DiskRow], *, width: int) -> Stage | None:
    """What an interrupted deploy left: compilation VMs, VMs and disks that no instance uses."""
    units: list[Unit] = []
    for vm in vms:
        steps = Steps(f"leftover/{vm.agent_id}", (Cause("vm", "left by an unfinished task", None),))
        steps.add(DeleteVm(agent_id=vm.agent_id, release=vm.purpose == "compilation"), "delete the VM")
        units.append(Unit(f"leftover/{vm.agent_id}", f"vm {vm.cid or vm.object_key}", tuple(steps.list)))
    for disk in disks:
        steps = Steps(f"leftover/{disk.object_key}", (Cause("disk", "left by an unfinished task", None),))
        if not disk.cid:
            steps.add(DeleteDisk(object_key=disk.object_key), "delete the disk")
        else:
            if disk.attached_to:
                steps.add(
                    UnmountDisk(object_key=disk.object_key, instance_id=disk.instance_id, tolerate=True),
                    "unmount the disk",
                )
                steps.add(
                    DetachDisk(object_key=disk.object_key, instance_id=disk.instance_id, tolerate=True),
                    "detach the disk",
                )
            steps.add(OrphanDisk(object_key=disk.object_key), "orphan the disk")
        units.append(Unit(f"leftover/{disk.object_key}", f"disk {disk.cid or disk.object_key}", tuple(steps.list)))
    return Stage("leftover", "Deleting leftovers", tuple(units), width=width) if units else None


def create_stage(work: Sequence[Work], *, needs: tuple[str, ...], width: int) -> Stage | None:
    """VMs that are missing, of all groups at once."""
    units: list[Unit] = []
    for one in work:
        steps = Steps(f"create/{one.subject.spec.id}", one.causes)
        sequences.create(steps, one.subject)
        units.append(Unit(id=one.subject.spec.id, task=one.task, steps=tuple(steps.list)))
    return Stage("create", "Creating missing vms", tuple(units), width=width, needs=needs) if units else None


def update_stages(wanted: Wanted, work: Sequence[Work], *, needs: tuple[str, ...]) -> list[Stage]:
    """Group after group (neighbouring ``serial: false`` groups together); in a group AZ after AZ, canaries first."""
    result: list[Stage] = []
    barrier = needs
    parallel_tails: list[str] = []
    for group in wanted.deployment.instance_groups:
        mine = [one for one in work if one.group.name == group.name]
        if not mine:
            continue
        if group.update.serial and parallel_tails:
            barrier = tuple(parallel_tails)
            parallel_tails = []
        made = _waves(wanted, group, mine, barrier)
        result += made
        if group.update.serial:
            barrier = (made[-1].id,)
        else:
            parallel_tails.append(made[-1].id)
    return result


def _waves(wanted: Wanted, group: InstanceGroup, work: list[Work], needs: tuple[str, ...]) -> list[Stage]:
    by_id = {one.subject.spec.id: one for one in work}
    changed = [(one.subject.spec.id, one.subject.spec.az) for one in work]
    made: list[Stage] = []
    for number, (_, width, canary, ids) in enumerate(split(changed, group.update, first_deploy=wanted.first)):
        units = tuple(_update_unit(by_id[one], group.update, canary=canary, number=number) for one in ids)
        stage = Stage(
            f"update/{group.name}/{number}", "Updating instance", units, width=width, needs=needs, tags=(group.name,)
        )
        made.append(stage)
        needs = (stage.id,)
    return made


def _update_unit(work: Work, policy: UpdatePolicy, *, canary: bool, number: int) -> Unit:
    watch = policy.canary_watch_time if canary else policy.update_watch_time
    subject = replace(work.subject, watch=watch)
    steps = Steps(f"update/{subject.spec.id}/{number}", work.causes)
    if work.change.depth is Depth.TAGS:
        tags = UpdateTags(instance_id=subject.spec.id, tags=subject.tags, metadata=subject.metadata)
        steps.add(tags, "set the tags")
        sequences.finish(steps, subject)
    elif work.creates:
        if subject.spec.state != "detached":
            sequences.disk_steps(steps, subject, attached=False)
            sequences.start_jobs(steps, subject)
        else:
            sequences.finish(steps, subject)
    elif subject.spec.state == "detached":
        sequences.begin(steps, subject)
        if work.vm is not None:
            sequences.stop_jobs(steps, subject, vm_goes=True)
            sequences.remove_vm(steps, subject)
        sequences.finish(steps, subject)
    elif work.change.depth is Depth.RECREATE:
        sequences.begin(steps, subject)
        if work.row is not None and work.row.applied is not None and work.row.applied.state == "started":
            sequences.stop_jobs(steps, subject, vm_goes=True)
        sequences.remove_vm(steps, subject)
        sequences.make_vm(steps, subject)
        sequences.disk_steps(steps, subject, attached=False)
        sequences.start_jobs(steps, subject)
    else:
        sequences.begin(steps, subject)
        sequences.prepare(steps, subject)
        if work.row is not None and work.row.applied is not None:
            sequences.stop_jobs(steps, subject, vm_goes=False)
        disk = subject.disk
        sequences.disk_steps(steps, subject, attached=disk is not None and disk.active and bool(disk.attached_to))
        sequences.start_jobs(steps, subject)
    task = work.task + (" (canary)" if canary else "")
    return Unit(id=subject.spec.id, task=task, steps=tuple(steps.list))


def closing_stages(wanted: Wanted, work: Sequence[Work], *, touched: bool, needs: tuple[str, ...]) -> list[Stage]:
    """The deployment's row as deployed; post-deploy scripts everywhere when anything changed."""
    steps = Steps("save")
    for one in work:
        if one.depth_name == "unchanged" and one.change.depth is Depth.RECORD:
            sequences.finish(steps, one.subject)
    steps.add(SaveDeployment(row=wanted.row), "record the deployment")
    result = [
        Stage("save", "Recording deployment", (Unit("save", wanted.deployment.name, tuple(steps.list)),), needs=needs)
    ]
    if not touched:
        return result
    units: list[Unit] = []
    for one in work:
        spec = one.subject.spec
        has_vm = spec.state == "started" and (one.vm is not None or bool(one.subject.new_agent_id))
        if not has_vm or (one.row is not None and one.row.ignore):
            continue
        post = Steps(f"post-deploy/{spec.id}")
        post.add(RunScript(instance_id=spec.id, script="post-deploy"), "run post-deploy")
        units.append(Unit(f"post-deploy/{spec.id}", one.task, tuple(post.list)))
    if units:
        result.append(Stage("post-deploy", "Running post-deploy", tuple(units), width=32, needs=("save",)))
    return result
