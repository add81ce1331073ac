"""Building blocks for planner tests: a cloud, groups, specs made of placements, and a world that lives through plans without an engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from director.model.actions import read
from director.model.cloud_config import Az, CloudConfig, Compilation, Network, Subnet
from director.model.deployment import Deployment, DiskWanted, GroupNetwork, InstanceGroup, UpdatePolicy
from director.model.instance import DiskSpec, InstanceSpec, JobSpec, PackageSpec, VmSpec
from director.model.plan import Plan, Step
from director.model.rows import AddressRow, DiskRow, InstanceRow, VmRow
from director.plan.changes import Options
from director.plan.diff import diff
from director.plan.ids import Ids
from director.plan.packages import Build
from director.plan.place import Placement, place
from director.plan.world import Wanted, World

AZS = ("z1", "z2", "z3")


def subnet(number: int, *azs: str, size: int = 24, **more: Any) -> Subnet:
    """10.0.<number>.0 with gateway .1; .200 to .220 are static when the range is a /24."""
    static = ((f"10.0.{number}.200", f"10.0.{number}.220"),) if size == 24 else ()
    fields = {"gateway": f"10.0.{number}.1", "static": static, "dns": ("10.0.0.53",)} | more
    return Subnet(azs=azs, range=f"10.0.{number}.0/{size}", **fields)


def cloud(*networks: Network, compilation: Compilation | None = None, azs: Sequence[str] = AZS) -> CloudConfig:
    """By default network ``a`` with one subnet per AZ."""
    found = networks or (Network("a", "manual", tuple(subnet(i + 1, az) for i, az in enumerate(azs))),)
    return CloudConfig(
        azs={name: Az(name) for name in azs},
        networks={one.name: one for one in found},
        compilation=compilation or Compilation(2, found[0].name, azs[0] if azs else ""),
    )


def group(name: str = "web", instances: int = 1, **more: Any) -> InstanceGroup:
    """One AZ and network ``a`` unless told otherwise; ``static`` are its static addresses on ``a``."""
    static = more.pop("static", ())
    fields: dict[str, Any] = {
        "stemcell": "default",
        "jobs": (),
        "networks": (GroupNetwork("a", tuple(static), ("dns", "gateway")),),
        "update": UpdatePolicy(canaries=1, max_in_flight=1, canary_watch_time=(1, 2), update_watch_time=(3, 4)),
        "azs": ("z1",),
        "vm_type": "small",
    } | more
    return InstanceGroup(name=name, instances=instances, **fields)


def deployment(*groups: InstanceGroup, **more: Any) -> Deployment:
    return Deployment("d", (), (), UpdatePolicy(), groups or (group(),), **more)


@dataclass
class Content:
    """What the instances hold beside their place; a test changes a field and plans again."""

    stemcell: str = "1"
    cloud_properties: dict[str, Any] = field(default_factory=lambda: {"cpu": 1})
    env: dict[str, Any] = field(default_factory=dict[str, Any])
    properties: dict[str, Any] = field(default_factory=lambda: {"greeting": "Hello"})
    links: dict[str, Any] = field(default_factory=dict[str, Any])
    packages: tuple[str, ...] = ("base",)
    jobs: tuple[str, ...] = ("server",)
    scripts: tuple[str, ...] = ("post-deploy",)
    ignored_input: str = ""  # moves the inputs, not what is rendered
    tags: dict[str, str] = field(default_factory=dict[str, str])


def spec_of(one: Deployment, of: InstanceGroup, placed: Any, content: Content, state: str) -> InstanceSpec:
    """A spec as the service would make it, with hashes that follow from the content."""
    rendered = _hash([content.properties, content.links])
    disk = DiskSpec(of.disk.size, of.disk.name, of.disk.cloud_properties) if of.disk else None
    return InstanceSpec(
        deployment=one.name,
        group=of.name,
        id=placed.id,
        index=placed.index,
        az=placed.az,
        bootstrap=placed.bootstrap,
        vm=VmSpec("", "s", content.stemcell, "debian", content.cloud_properties, content.env, placed.networks, "small"),
        jobs=tuple(
            JobSpec(
                name,
                "r",
                "1",
                f"f-{name}",
                _hash([rendered, content.ignored_input]),
                content.properties,
                content.links,
                content.scripts,
            )
            for name in content.jobs
        ),
        packages=tuple(PackageSpec(name, f"p-{name}") for name in content.packages),
        disk=disk,
        lifecycle=of.lifecycle,
        state=state or of.state,
        tags={**content.tags, **of.tags},
        configuration_hash=_hash([rendered, list(content.jobs)]),
        template_hashes=dict.fromkeys(content.jobs, rendered),
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass
class Yard:
    """A deployment's rows, and plans made of them; `live` carries out a plan, or its first steps, by changing rows alone."""

    cloud: CloudConfig = field(default_factory=cloud)
    content: Content = field(default_factory=Content)
    instances: dict[str, InstanceRow] = field(default_factory=dict[str, InstanceRow])
    vms: dict[str, VmRow] = field(default_factory=dict[str, VmRow])
    disks: dict[str, DiskRow] = field(default_factory=dict[str, DiskRow])
    addresses: dict[str, AddressRow] = field(default_factory=dict[str, AddressRow])
    states: dict[str, str] = field(default_factory=dict[str, str])
    seed: int = 0
    deployed: bool = False

    @property
    def world(self) -> World:
        return World(tuple(self.instances.values()), tuple(self.vms.values()), tuple(self.disks.values()))

    def place(self, one: Deployment, seed: str = "") -> Placement:
        return self._place(one, Ids(seed or f"seed/{self.seed}"))

    def _place(self, one: Deployment, ids: Ids) -> Placement:
        world = self.world
        held = list(self.addresses.values())
        return place(one, self.cloud, world.instances, held, ids, with_disk=world.with_disk)

    def wanted(self, one: Deployment, placement: Placement, builds: tuple[Build, ...] = (), **more: Any) -> Wanted:
        specs: list[InstanceSpec] = []
        for each in one.instance_groups:
            for placed in placement.of(each.name):
                state = self.states.get(placed.id, placed.row.state if placed.row else "")
                specs.append(spec_of(one, each, placed, self.content, state))
        fields = {"row": {"name": one.name}, "first": not self.deployed, "director": "director"} | more
        return Wanted(one, self.cloud, tuple(specs), placement.obsolete, builds, **fields)

    def plan(self, one: Deployment, options: Options | None = None, **more: Any) -> Plan:
        """A plan for this world; every call has a seed of its own, as every task has."""
        self.seed += 1
        ids = Ids(f"seed/{self.seed}")
        placement = self._place(one, ids)
        wanted = self.wanted(one, placement, **more)
        return diff(wanted, self.world, options or Options(), ids, list(self.addresses))

    def deploy(self, one: Deployment, options: Options | None = None, **more: Any) -> Plan:
        """Plan and carry out."""
        plan = self.plan(one, options, **more)
        self.live(plan)
        return plan

    def live(self, plan: Plan, steps: int | None = None) -> None:
        """Carry out the plan, stage by stage, or its first steps only."""
        for step in [step for stage in plan.stages for unit in stage.units for step in unit.steps][:steps]:
            done: Callable[[Any], None] | None = getattr(self, f"_{step.kind}", None)
            if done is not None:
                done(read(step))
        if steps is None:
            self.deployed = True

    def _begin_instance(self, args: Any) -> None:
        self._row(args, dirty=True)

    def _finish_instance(self, args: Any) -> None:
        self._row(args, dirty=False, applied=args.spec)

    def _row(self, args: Any, **more: Any) -> None:
        spec: InstanceSpec = args.spec
        known = self.instances.get(spec.id) or InstanceRow(id=spec.id, deployment="d", group=spec.group, index=0)
        self.instances[spec.id] = replace(
            known,
            group=spec.group,
            index=spec.index,
            az=spec.az,
            bootstrap=spec.bootstrap,
            lifecycle=spec.lifecycle,
            state=spec.state,
            variable_set=args.variable_set,
            **more,
        )

    def _create_vm(self, args: Any) -> None:
        owner = args.instance_id or args.agent_id
        for name, settings in args.vm.networks.items():
            if "ip" in settings:
                held = self.addresses.get(settings["ip"])
                assert held is None or held.owner == owner, f"{settings['ip']} is held by {held}"
                self.addresses[settings["ip"]] = AddressRow(
                    address=settings["ip"], network=name, deployment="d", owner=owner
                )
        ours = {settings.get("ip") for settings in args.vm.networks.values()}
        for address, row in list(self.addresses.items()):
            if row.owner == owner and address not in ours:
                del self.addresses[address]
        self.vms[args.agent_id] = VmRow(
            agent_id=args.agent_id,
            object_key=args.object_key,
            deployment="d",
            instance_id=args.instance_id,
            cid=f"vm-{args.agent_id}",
            purpose=args.purpose,
            stemcell=(args.vm.stemcell_name, args.vm.stemcell_version),
            cloud_properties=args.vm.cloud_properties,
            env=args.vm.env,
            networks=args.vm.networks,
        )
        if args.instance_id:
            row = self.instances[args.instance_id]
            self.instances[row.id] = replace(row, agent_id=args.agent_id)

    def _wait_agent(self, args: Any) -> None:
        self.vms[args.agent_id] = replace(self.vms[args.agent_id], ready=True)

    def _delete_vm(self, args: Any) -> None:
        vm = self.vms.pop(args.agent_id)
        row = self.instances.get(vm.instance_id)
        if row is not None and row.agent_id == vm.agent_id:
            self.instances[row.id] = replace(row, agent_id="")
        for disk in list(self.disks.values()):
            if disk.attached_to == vm.cid:
                self.disks[disk.key] = replace(disk, attached_to="")
        if args.release:
            self._free(vm.instance_id or vm.agent_id)

    def _free(self, owner: str) -> None:
        for address, row in list(self.addresses.items()):
            if row.owner == owner:
                del self.addresses[address]

    def _create_disk(self, args: Any) -> None:
        self.disks[args.object_key] = DiskRow(
            object_key=args.object_key,
            deployment="d",
            instance_id=args.instance_id,
            instance_name=args.instance_name,
            cid=f"disk-{args.object_key}",
            size=args.disk.size,
            name=args.disk.name,
            cloud_properties=args.disk.cloud_properties,
        )

    def _attach_disk(self, args: Any) -> None:
        vm = self.vms[self.instances[args.instance_id].agent_id]
        self.disks[args.object_key] = replace(self.disks[args.object_key], attached_to=vm.cid)

    def _mount_disk(self, args: Any) -> None:
        disk = self.disks[args.object_key]
        assert disk.attached_to, "mounted without being attached"
        for other in self.disks.values():
            if other.instance_id == disk.instance_id and other.active and other is not disk:
                assert args.migrate, "a new disk without the old one's data"
                self.disks[other.key] = replace(other, active=False)
        self.disks[disk.key] = replace(disk, active=True)

    def _detach_disk(self, args: Any) -> None:
        self.disks[args.object_key] = replace(self.disks[args.object_key], attached_to="")

    def _orphan_disk(self, args: Any) -> None:
        disk = self.disks[args.object_key]
        assert not disk.attached_to, "orphaned while attached"
        self.disks[disk.key] = replace(disk, instance_id="", active=False, orphaned_at=1)

    def _delete_disk(self, args: Any) -> None:
        del self.disks[args.object_key]

    def _delete_instance(self, args: Any) -> None:
        row = self.instances.pop(args.instance_id)
        assert not row.agent_id, "an instance with a VM was forgotten"
        self._free(args.instance_id)


def kinds(plan: Plan) -> dict[str, list[list[str]]]:
    """Step kinds by stage id and unit."""
    return {stage.id: [[step.kind for step in unit.steps] for unit in stage.units] for stage in plan.stages}


def steps_of(plan: Plan) -> list[Step]:
    return [step for stage in plan.stages for unit in stage.units for step in unit.steps]


def unit_words(plan: Plan, instance_id: str) -> list[str]:
    """What happens to one instance, in order, script names with it."""
    words: list[str] = []
    for stage in plan.stages:
        for unit in stage.units:
            if unit.id == instance_id:
                words += [_word(step) for step in unit.steps]
    return words


def _word(step: Step) -> str:
    detail = step.args.get("script") or (step.args.get("mode") if step.kind == "drain" else "")
    if step.kind == "mount_disk" and step.args["migrate"]:
        detail = "migrate"
    return f"{step.kind} {detail}" if detail else step.kind


def causes(plan: Plan) -> list[str]:
    """All causes as sentences, each once."""
    return list(dict.fromkeys(str(cause) for step in steps_of(plan) for cause in step.causes))


def disk(size: int = 1024, **properties: Any) -> DiskWanted:
    return DiskWanted(size, cloud_properties=properties)


def same(one: Any, other: Any) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)
