"""From a deploy request to a plan: read, bind, place, render what moved, diff. Changes nothing: what has to be committed is handed back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, field

from director.manifest.links import DnsPolicy, LinkedInstance, resolve_links
from director.manifest.load import load_deployment
from director.manifest.variable_links import with_link_names
from director.model.actions import CreateVm
from director.model.cloud_config import Az, CloudConfig
from director.model.deployment import Deployment, Document, StemcellWanted
from director.model.instance import InstanceSpec
from director.model.plan import Plan
from director.model.rows import (
    AddressRow,
    CompiledPackageRow,
    DeploymentRow,
    DiskRow,
    InstanceRow,
    ReleaseRow,
    SettingRow,
    StemcellRow,
    VariableSetRow,
    VmRow,
)
from director.plan.changes import Options
from director.plan.diff import diff
from director.plan.ids import Ids
from director.plan.packages import Build, builds
from director.plan.place import Placement, place
from director.plan.renamed import under_present_names
from director.plan.world import Wanted, World
from director.ports.store import Changes, Store
from director.ports.task_log import TaskLog
from director.service import configs
from director.service.aside import aside
from director.service.catalogue import job_of, releases_of, stemcells_of
from director.service.durations import with_expected
from director.service.house import House
from director.service.mounts import unmounted
from director.service.pinning import next_set, pin, rotated, variables_to_make
from director.service.render_moved import render_moved
from director.service.rendering import Archive
from director.service.request import DeployRequest, StateChange, options_of
from director.service.sources import Sources
from director.service.swapping import swapping
from director.service.unresponsive import unresponsive
from director.service.wanted import Bound, instance_specs, resources_key
from meristem.formats.versions import resolve


class Prepared(Struct, frozen=True):
    """A plan, what must be committed before it runs, and the blobs that its steps will read."""

    plan: Plan
    changes: Changes
    archives: tuple[Archive, ...]
    specs: tuple[InstanceSpec, ...] = ()
    agent_ids: dict[str, str] = field(default_factory=dict)  # by instance id: the VM it has or will have
    sources: Sources | None = None


async def prepare(
    house: House,
    request: DeployRequest,
    seed: str,
    *,
    task: int | None = None,
    ask_agents: bool = True,
    log: TaskLog | None = None,
) -> Prepared:
    """Plan a deploy. ``seed`` makes ids reproducible: the task's id, or a sealed plan's seed with the ``task`` beside it. ``ask_agents``
    false: trust the store alone (diff previews). ``log`` receives the calls that planning makes.
    """
    store = house.store
    cloud_rows = await configs.pinned(store, "cloud", request.cloud_config_ids)
    runtime_rows = await configs.pinned(store, "runtime", request.runtime_config_ids)
    cloud = configs.cloud_config(cloud_rows, house.own_addresses)
    runtime = configs.runtime_configs(runtime_rows)
    overrides: dict[str, int | str] = {"vm_strategy": house.vm_strategy}
    if request.canaries is not None:
        overrides["canaries"] = request.canaries
    if request.max_in_flight is not None:
        overrides["max_in_flight"] = request.max_in_flight
    deployment = await aside(
        len(request.manifest) >> 10,
        load_deployment,
        request.manifest,
        cloud,
        runtime,
        overrides=overrides,
        teams=request.teams,
    )
    name = deployment.name
    row = await store.get(DeploymentRow, name)
    # a deploy takes the newest of everything; other operations stay with what the last deploy took
    last = row if request.change is not None or request.errand else None
    if last is not None:
        deployment = await as_deployed(store, deployment, last)
    renamed = await house.clouds.renamed()
    found = World(
        tuple(await store.find(InstanceRow, deployment=name)),
        tuple(await store.find(VmRow, deployment=name)),
        tuple(await store.find(DiskRow, deployment=name)),
    )
    world = under_present_names(found, renamed)
    made = {vm.agent_id: vm.created_at or 0 for vm in world.vms}
    created = {one.id: made.get(one.agent_id, 0) for one in world.instances}
    options, states = options_of(request, list(world.instances), created, house.max_threads)
    releases = await releases_of(store, deployment)
    stemcells = await stemcells_of(store, deployment, renamed)
    held = await store.find(AddressRow)
    ids = Ids(f"{house.site.uuid}/{seed}")
    size = max(len(world.instances), sum(group.instances for group in deployment.instance_groups))
    placement = await aside(
        size, place, deployment, cloud, world.instances, held, ids, house.own_addresses, world.with_disk
    )
    options = as_manifest_asks(options, deployment, placement)
    calculated, answers = await calculate(house, deployment, cloud, log)
    unbound = Bound(deployment, cloud, releases, stemcells, {}, {}, calculated)
    fresh = swapping(unbound, placement, world, options, states)
    if fresh:
        ids = Ids(ids.seed)
        placement = place(deployment, cloud, world.instances, held, ids, house.own_addresses, world.with_disk, fresh)
    states |= states_of_new(request.change, deployment, placement)
    jobs = {
        (wanted.release, wanted.name): job_of(releases[wanted.release], wanted.name, group.name)
        for group in deployment.instance_groups
        for wanted in group.jobs
    }
    others = {one.name: one.links.get("providers") or [] for one in await store.find(DeploymentRow) if one.name != name}
    linked = await aside(
        size,
        resolve_links,
        deployment,
        jobs,
        linked_instances(deployment, placement),
        others,
        dns=DnsPolicy(domain=house.site.dns_domain),
        director=house.site.name,
    )
    deployment = msgspec.structs.replace(
        deployment, variables=with_link_names(deployment, linked, domain=house.site.dns_domain)
    )
    links = linked.bound
    chosen = [one[0] for one in stemcells.values()]
    wanted_variables = variables_to_make(deployment, row, [(one.name, one.version) for one in chosen])
    pins, variable_rows = await pin(house, deployment, wanted_variables, last, cloud, jobs, links)
    sets = await store.find(VariableSetRow, deployment=name)
    variable_set, set_rows = next_set(name, row, pins, sets, seed if task is None else f"task/{task}")
    bound = Bound(
        deployment, cloud, releases, stemcells, links, pins, calculated, house.site.dns_domain, house.site.name
    )
    bare = await aside(size, instance_specs, bound, placement)
    specs = [(with_state(spec, states), contexts) for spec, contexts in bare]
    rendered, archives = await render_moved(house, name, specs, world, pins, variable_rows)
    missing = await missing_builds(house, rendered, releases, deployment)
    saved = DeploymentRow(
        name=name,
        manifest=request.manifest,
        cloud_config_ids=tuple(one.id for one in cloud_rows),
        runtime_config_ids=tuple(one.id for one in runtime_rows),
        releases=tuple((one.name, one.version) for one in releases.values()),
        stemcells=tuple(dict.fromkeys((one.name, one.version) for one in chosen)),
        teams=row.teams if row else request.teams,
        variable_set=variable_set,
        tags=dict(deployment.tags),
        links=linked.rows(),
        errand_groups={
            one.name: tuple(job.name for job in one.jobs)
            for one in deployment.instance_groups
            if one.lifecycle == "errand"
        },
    )
    wanted = Wanted(
        deployment=deployment,
        cloud=cloud,
        specs=tuple(rendered),
        obsolete=placement.obsolete,
        builds=tuple(missing),
        build_resources=build_resources(cloud, calculated),
        row=msgspec.to_builtins(saved),
        variable_set=variable_set,
        rotated={one.id: rotated(one.pins, pins) for one in sets},
        avoid=tuple(house.own_addresses),
        keep_unreachable=request.keep_unreachable,
        first=row is None or row.manifest is None,
        director=house.site.name,
    )
    if ask_agents:
        silent = await unresponsive(house, wanted, world, options, fix=request.fix, log=log)
        options = msgspec.structs.replace(
            options, unresponsive=silent, unmounted=await unmounted(house, world, silent, log)
        )
    bare_plan = await aside(size, diff, wanted, world, options, ids, [one.address for one in held])
    plan = await with_expected(store, bare_plan)
    agent_ids = {one.id: one.agent_id for one in world.instances if one.agent_id} | made_for(plan)
    # a deployment is listed, and can be deleted, from its first try on
    begun = () if row is not None else (DeploymentRow(name=name, teams=request.teams),)
    sources = Sources(
        configs=(*cloud_rows, *runtime_rows),
        deployment=row,
        releases=tuple(releases.values()),
        stemcells=tuple(one for rows in stemcells.values() for one in rows),
        world=world,
        placement=placement,
        links=links,
        calculated=calculated,
        pins=pins,
        made=variable_rows,
        builds=wanted.builds,
        silent=options.unresponsive,
        unmounted=options.unmounted,
    )
    changes = Changes(put=(*begun, *answers, *variable_rows, *set_rows))
    return Prepared(plan, changes, tuple(archives), tuple(rendered), agent_ids, sources)


def made_for(plan: Plan) -> dict[str, str]:
    """Agent ids of the VMs that a plan makes for instances."""
    steps = (step for stage in plan.stages for unit in stage.units for step in unit.steps)
    return {
        str(step.args["instance_id"]): str(step.args["agent_id"])
        for step in steps
        if step.kind == CreateVm.KIND and step.args["instance_id"]
    }


def with_state(spec: InstanceSpec, states: Mapping[str, str]) -> InstanceSpec:
    """The spec in the state that a request asked for."""
    return msgspec.structs.replace(spec, state=states.get(spec.id, spec.state))


def states_of_new(change: StateChange | None, deployment: Deployment, placement: Placement) -> dict[str, str]:
    """By instance id, for instances that the placement adds to a group that is stopped as a whole (its AZs may have changed): they are stopped
    too, as one who asks for a group to be stopped wants nothing of it to run."""
    if change is None or change.instance or change.state not in ("stopped", "detached"):
        return {}
    return {
        one.id: change.state
        for group in deployment.instance_groups
        if change.group in ("*", group.name) and group.lifecycle == "service"
        for one in placement.of(group.name)
        if one.row is None
    }


def linked_instances(deployment: Deployment, placement: Placement) -> list[LinkedInstance]:
    """What links tell of instances."""
    result: list[LinkedInstance] = []
    for group in deployment.instance_groups:
        default = next(
            (one.name for key in ("addressable", "gateway") for one in group.networks if key in one.default),
            group.networks[0].name,
        )
        result += [
            LinkedInstance(
                group=group.name,
                id=one.id,
                index=one.index,
                az=one.az,
                bootstrap=one.bootstrap,
                addresses={network: str(settings.get("ip") or "") for network, settings in one.networks.items()},
                default_network=default,
                dynamic=tuple(name for name, settings in one.networks.items() if settings.get("type") == "dynamic"),
            )
            for one in placement.of(group.name)
        ]
    return result


async def as_deployed(store: Store, deployment: Deployment, row: DeploymentRow) -> Deployment:
    """``latest`` and prefixes mean what the last deploy resolved them to."""
    versions = dict(row.releases)
    known = {(one.name, one.version): one.operating_system for one in await store.find(StemcellRow)}
    releases = tuple(
        msgspec.structs.replace(one, version=versions.get(one.name, one.version)) for one in deployment.releases
    )
    stemcells: list[StemcellWanted] = []
    for one in deployment.stemcells:
        taken = [
            version
            for name, version in row.stemcells
            if (name == one.name or (one.os and known.get((name, version)) == one.os))
            and resolve(one.version, [version]) == version
        ]
        stemcells.append(msgspec.structs.replace(one, version=taken[0]) if taken else one)
    return msgspec.structs.replace(deployment, releases=releases, stemcells=tuple(stemcells))


def as_manifest_asks(options: Options, deployment: Deployment, placement: Placement) -> Options:
    """The options with what the manifest's ``state`` and ``instance_states`` ask for: restart and recreate."""
    asked: dict[str, set[str]] = {"restart": set(), "recreate": set()}
    for group in deployment.instance_groups:
        for one in placement.of(group.name):
            state = group.instance_states.get(str(one.index), group.instance_states.get(one.id, group.state))
            if state in asked:
                asked[state].add(one.id)
    return msgspec.structs.replace(
        options, restart=options.restart | asked["restart"], recreate=options.recreate | asked["recreate"]
    )


async def calculate(
    house: House, deployment: Deployment, cloud: CloudConfig, log: TaskLog | None
) -> tuple[dict[str, Document], tuple[SettingRow, ...]]:
    """Cloud properties of vm_resources, asked of each CPI once, and the new answers to keep."""
    wanted = [
        (group.vm_resources, cloud.azs.get(name, Az(name)))
        for group in deployment.instance_groups
        if group.vm_resources is not None
        for name in group.azs or ("",)
    ]
    if cloud.compilation is not None and cloud.compilation.vm_resources is not None:
        wanted.append((cloud.compilation.vm_resources, cloud.azs.get(cloud.compilation.az, Az(""))))
    found: dict[str, Document] = {}
    answers: list[SettingRow] = []
    for resources, az in wanted:
        key = resources_key(resources, az)
        if key in found:
            continue
        text = await house.setting(key, "")
        if not text:
            cpi = await house.clouds.get(az.cpi)
            answer = await cpi.calculate_vm_cloud_properties(resources, log=log.cpi if log else None)
            text = msgspec.json.encode(answer).decode()
            answers.append(SettingRow(name=key, value=text))
        found[key] = msgspec.json.decode(text)
    return found, tuple(answers)


def build_resources(cloud: CloudConfig, calculated: Mapping[str, Document]) -> Document:
    """What the CPI calculated for compilation VMs."""
    compilation = cloud.compilation
    if compilation is None or compilation.vm_resources is None:
        return {}
    return calculated[resources_key(compilation.vm_resources, cloud.azs.get(compilation.az, Az("")))]


async def missing_builds(
    house: House, specs: Sequence[InstanceSpec], releases: Mapping[str, ReleaseRow], deployment: Deployment
) -> list[Build]:
    """Compilations that these instances need, each once, dependencies first."""
    needed: dict[tuple[str, str], set[str]] = {}
    for spec in specs:
        for job in spec.jobs:
            release = releases[job.release]
            row = job_of(release, job.name, spec.group)
            needed.setdefault((job.release, spec.stemcell), set()).update(row.packages)
    if not any(needed.values()):
        return []
    compiled = {row.key for row in await house.store.find(CompiledPackageRow)}
    found: dict[str, Build] = {}
    for (release, stemcell), names in needed.items():
        for key, build in builds(releases[release], sorted(names), stemcell, compiled).items():
            found.setdefault(key, build)
    return list(found.values())
