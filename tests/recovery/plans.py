"""A plan as a planner makes it, for the small world: a first deploy."""

from __future__ import annotations

from director.model.actions import (
    Action,
    Apply,
    AttachDisk,
    BeginInstance,
    CompilePackage,
    CreateDisk,
    CreateVm,
    DeleteVm,
    FinishInstance,
    MountDisk,
    RunScript,
    SaveDeployment,
    Start,
    WaitAgent,
    Watch,
)
from director.model.instance import DiskSpec, InstanceSpec, JobSpec, PackageSpec, VmSpec
from director.model.plan import Plan, Stage, Step, Unit

OS = "debian-12/1"


def vm_spec(number: int, flavor: str = "small") -> VmSpec:
    network = {"type": "manual", "ip": f"10.0.0.{number}", "netmask": "255.255.255.0", "gateway": "10.0.0.1"}
    return VmSpec(
        cpi="",
        stemcell_name="s",
        stemcell_version="1",
        stemcell_os="debian-12",
        cloud_properties={"flavor": flavor},
        networks={"default": network},
    )


def spec(index: int, *, flavor: str = "small", disk: int = 1024, text: str = "one") -> InstanceSpec:
    return InstanceSpec(
        deployment="web",
        group="web",
        id=f"i{index}",
        index=index,
        az="z1",
        bootstrap=index == 0,
        vm=vm_spec(10 + index, flavor),
        jobs=(JobSpec(name="web", release="r", release_version="1", fingerprint="f-job", inputs=text),),
        packages=(PackageSpec("web", "f-web", '["base"]'),),
        disk=DiskSpec(size=disk),
        configuration_hash=f"hash-{text}",
        templates_blob="templates",
        templates_digest="sha256:0",
    )


def unit(name: str, *actions: Action, needs: tuple[str, ...] = ()) -> Unit:
    steps: list[Step] = []
    for number, action in enumerate(actions):
        steps.append(action.step(f"{name}/{number:02d}-{action.KIND}", f"{action.KIND} {name}"))
    return Unit(id=name, task=f"web/{name}", steps=tuple(steps), needs=needs)


def create_vm(agent_id: str, vm: VmSpec, *, instance_id: str = "", purpose: str = "instance") -> CreateVm:
    return CreateVm(
        agent_id=agent_id,
        object_key=f"key-{agent_id}",
        deployment="web",
        vm=vm,
        instance_id=instance_id,
        group="web",
        purpose=purpose,
        tags={"team": "a"},
    )


def compile_package(name: str, *dependencies: tuple[str, str, str]) -> CompilePackage:
    key = "[" + ",".join(f'"{one}"' for one, _, _ in dependencies) + "]"
    return CompilePackage(
        agent_id="compiler",
        release="r",
        name=name,
        version="1",
        fingerprint=f"f-{name}",
        digest="sha256:0",
        blob_id=f"source-{name}",
        stemcell=OS,
        dependency_key=key,
        dependencies=dependencies,
    )


def bring_up(one: InstanceSpec) -> list[Action]:
    return [
        Apply(spec=one),
        RunScript(instance_id=one.id, script="pre-start"),
        Start(instance_id=one.id),
        Watch(instance_id=one.id, low=1000, high=30000),
        RunScript(instance_id=one.id, script="post-start"),
        FinishInstance(spec=one),
    ]


def partial(one: InstanceSpec) -> dict[str, object]:
    return {"deployment": "web", "job": {"name": "web"}, "index": one.index, "id": one.id}


def first_deploy(*, instances: int = 2, width: int = 1) -> Plan:
    """Compile two packages, create the VMs with a disk each, start the jobs."""
    specs = [spec(index) for index in range(instances)]
    compiling = unit(
        "compiler",
        create_vm("compiler", vm_spec(9), purpose="compilation"),
        WaitAgent(agent_id="compiler"),
        compile_package("base"),
        compile_package("web", ("base", "f-base", "[]")),
        DeleteVm(agent_id="compiler", release=True),
    )
    creating = [
        unit(
            f"create-{one.id}",
            BeginInstance(spec=one),
            create_vm(f"a-{one.id}", one.vm, instance_id=one.id),
            WaitAgent(agent_id=f"a-{one.id}", spec=partial(one)),
            CreateDisk(
                object_key=f"d-{one.id}",
                deployment="web",
                instance_id=one.id,
                instance_name=one.name,
                disk=DiskSpec(1024),
            ),
            AttachDisk(object_key=f"d-{one.id}", instance_id=one.id),
            MountDisk(object_key=f"d-{one.id}", instance_id=one.id),
        )
        for one in specs
    ]
    updating = [unit(f"update-{one.id}", *bring_up(one)) for one in specs]
    return Plan(
        deployment="web",
        stages=(
            Stage(id="compile", title="Compiling packages", units=(compiling,)),
            Stage(id="create", title="Creating missing vms", units=tuple(creating), width=width, needs=("compile",)),
            Stage(id="update", title="Updating instance", units=tuple(updating), width=width, needs=("create",)),
            Stage(id="save", title="", units=(unit("save", _saved()),), needs=("update",)),
        ),
        agents=("compiler", *(f"a-{one.id}" for one in specs)),
    )


def _saved() -> SaveDeployment:
    return SaveDeployment(row={"name": "web", "manifest": "name: web\n"})
