"""Compile what is missing: which VM compiles which package, after which others."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from itertools import islice

from msgspec import Struct, field

from director.model.actions import CompilePackage, CreateVm, DeleteVm, WaitAgent
from director.model.cloud_config import Compilation
from director.model.deployment import Document, GroupNetwork
from director.model.errors import BadRequest
from director.model.instance import VmSpec
from director.model.plan import Cause, Stage, Unit
from director.plan.ids import Ids
from director.plan.packages import Build
from director.plan.sequences import Steps
from director.plan.subnets import dynamic_settings, free_addresses, manual_settings, serves
from director.plan.world import Wanted


class Slot(Struct):
    """A compilation VM and the packages that it compiles, in order; ``free_at`` counts packages, as durations are not known."""

    number: int
    stemcell: str
    builds: list[Build] = field(default_factory=list[Build])
    free_at: int = 0


def compile_stage(wanted: Wanted, ids: Ids, taken: set[str], agents: list[str]) -> Stage | None:
    """One unit per missing package, after the packages that it depends on; ``workers`` at once. A VM of its own for each package, or, with
    reuse_compilation_vms, one VM per worker: made with its first package, deleted with its last."""
    if not wanted.builds:
        return None
    compilation = wanted.cloud.compilation
    if compilation is None:
        raise BadRequest(
            "Packages have to be compiled, but the cloud config has no 'compilation' section",
            code=120001,
            remedy="Add compilation: {workers, network, az, vm_type} to the cloud config",
        )
    places = _places(wanted, compilation, taken)
    if compilation.reuse_compilation_vms:
        slots = assign(wanted.builds, min(compilation.workers, len(places)))
    else:
        slots = [Slot(number, one.stemcell, [one]) for number, one in enumerate(wanted.builds)]
    yard = _Yard(wanted, compilation, ids, places, agents)
    units = {unit.id: unit for slot in slots for unit in yard.units(slot)}
    # in the builds' order, which is that of their dependencies
    return Stage(
        "compile", "Compiling packages", tuple(units[one.key] for one in wanted.builds), width=compilation.workers
    )


def assign(builds: Sequence[Build], workers: int) -> list[Slot]:
    """Spread packages over VMs, at most ``workers`` of one stemcell, no more than help: each package goes where it can begin first."""
    stemcells = list(dict.fromkeys(one.stemcell for one in builds))
    limit = max(1, workers // len(stemcells))
    slots: list[Slot] = []
    done_at: dict[str, int] = {}
    for build in builds:
        ready = max((done_at.get(need, 0) for need in build.needs), default=0)
        mine = [one for one in slots if one.stemcell == build.stemcell]
        best = min(mine, key=lambda one: (max(one.free_at, ready), -one.free_at, one.number), default=None)
        if best is None or (best.free_at > ready and len(mine) < limit):
            best = Slot(len(slots), build.stemcell)
            slots.append(best)
        best.builds.append(build)
        best.free_at = done_at[build.key] = max(best.free_at, ready) + 1
    return slots


def _places(wanted: Wanted, compilation: Compilation, taken: set[str]) -> list[Document]:
    """``networks`` for as many VMs as could ever stand at once: one for each package where there are so many addresses, fewer otherwise."""
    network = wanted.cloud.networks[compilation.network]
    asked = GroupNetwork(network.name, default=("dns", "gateway"))
    if network.type == "dynamic":
        subnet = next(one for one in network.subnets if serves(one, compilation.az))
        return [{asked.name: dynamic_settings(subnet, asked)} for _ in wanted.builds]
    free = islice(free_addresses(network, compilation.az, taken), len(wanted.builds))
    found: list[Document] = [{asked.name: manual_settings(*one, asked)} for one in free]
    if not found:
        raise BadRequest(
            f"Failed to reserve IP for compilation on network '{asked.name}': no more available",
            code=130011,
            remedy="Widen the network's range or shorten its reserved and static lists",
        )
    return found


class _Yard:
    """Makes the units of compilation VMs. VMs that share an address stand there one after the other."""

    def __init__(
        self, wanted: Wanted, compilation: Compilation, ids: Ids, places: list[Document], agents: list[str]
    ) -> None:
        self._wanted = wanted
        self._compilation = compilation
        self._ids = ids
        self._agents = agents
        self._az = wanted.cloud.azs.get(compilation.az)
        self._places: deque[tuple[Document, tuple[str, ...]]] = deque((one, ()) for one in places)
        self._stemcells = {one.stemcell: one.vm for one in wanted.specs}
        self._present = {one.key for one in wanted.builds}

    def units(self, slot: Slot) -> list[Unit]:
        agent = self._ids.next(f"compile/{slot.builds[0].key}")
        self._agents.append(agent)
        made: list[Unit] = []
        networks, before = self._places.popleft()
        self._places.append((networks, (slot.builds[-1].key,)))
        for build in slot.builds:
            cause = Cause(f"packages.{build.package.name}", None, f"not compiled for {build.stemcell}")
            steps = Steps(f"compile/{_step_id(build)}", (cause,))
            if build is slot.builds[0]:
                self._make_vm(steps, slot, agent, networks)
            steps.add(_compile(build, agent), f"compile {build.package.name}")
            if build is slot.builds[-1]:
                steps.add(DeleteVm(agent_id=agent, release=True), "delete the compilation VM")
            needs = dict.fromkeys((*(one for one in build.needs if one in self._present), *before))
            title = f"{build.package.name}/{build.package.fingerprint}"
            made.append(Unit(id=build.key, task=title, steps=tuple(steps.list), needs=tuple(needs)))
            before = (build.key,)
        return made

    def _make_vm(self, steps: Steps, slot: Slot, agent: str, networks: Document) -> None:
        wanted = self._wanted
        like = self._stemcells[slot.stemcell]
        package = slot.builds[0].package
        name = f"{package.name}/{package.fingerprint}" if len(slot.builds) == 1 else f"worker-{slot.number}"
        vm = VmSpec(
            cpi=self._az.cpi if self._az else "",
            stemcell_name=like.stemcell_name,
            stemcell_version=like.stemcell_version,
            stemcell_os=like.stemcell_os,
            cloud_properties={
                **(self._az.cloud_properties if self._az else {}),
                **wanted.build_resources,
                **self._compilation.cloud_properties,
            },
            env=self._compilation.env,
            networks=networks,
            vm_type="compilation",
        )
        metadata = {
            "director": wanted.director,
            "deployment": wanted.deployment.name,
            "compiling": package.name if len(slot.builds) == 1 else f"{len(slot.builds)} packages",
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
        steps.add(WaitAgent(agent_id=agent, spec=spec, keep=wanted.keep_unreachable), "wait for the agent")


def _step_id(build: Build) -> str:
    """Unique among builds, which may share package and fingerprint: on another stemcell, or with other dependencies."""
    name = f"{build.package.name}/{build.package.fingerprint}/{build.stemcell}"
    if not build.dependencies:
        return name
    return f"{name}/{hashlib.sha256(build.dependency_key.encode()).hexdigest()[:8]}"


def _compile(build: Build, agent: str) -> CompilePackage:
    return CompilePackage(
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
