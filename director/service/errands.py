"""Errands: jobs that run once, when asked: colocated with a service, or in a group whose VMs are made for the run."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from director.engine.context import TaskContext
from director.model.actions import DeleteVm, RunErrand
from director.model.deployment import Document
from director.model.errors import BadRequest, NotFound
from director.model.plan import Plan, Stage, Unit
from director.model.rows import DeploymentRow, InstanceRow, JournalEntry, ReleaseRow
from director.plan.sequences import Steps
from director.ports.store import Store
from director.service.audit import audited
from director.service.deploy import seed_of, store_blobs
from director.service.digest import digest
from director.service.house import House
from director.service.instances import require_deployment
from director.service.planning import prepare
from director.service.request import DeployRequest

CANCELLED = 128


class ErrandTarget(Struct, frozen=True):
    """An instance filter: group, and id, index or ``first`` (the smallest uuid); empty for the whole group."""

    group: str
    id: str = ""


class ErrandRequest(Struct, frozen=True):
    """As POSTed."""

    deployment: str
    errand: str
    keep_alive: bool = False
    when_changed: bool = False
    instances: tuple[ErrandTarget, ...] = ()
    user: str = "admin"


async def errand_names(store: Store, deployment: str) -> list[str]:
    """Errand groups and jobs with ``bin/run``, each once."""
    row = await require_deployment(store, deployment)
    rows = await store.find(InstanceRow, deployment=deployment)
    jobs = await _errand_jobs(store, row)
    colocated = [job.name for one in rows if one.applied for job in one.applied.jobs if job.name in jobs]
    grouped = [job for members in row.errand_groups.values() for job in members if job in jobs]
    return sorted({*colocated, *grouped, *row.errand_groups})


async def run_errand(house: House, context: TaskContext) -> str | None:
    """Handler of ``run_errand``; the task is done whatever the exit codes were."""
    request = msgspec.convert(context.task.request, ErrandRequest)
    await context.lock(f"deployment/{request.deployment}")
    mark = f"errand/{request.deployment}/{request.errand}"
    state = await _state(house.store, request)
    if request.when_changed and not context.resuming and await house.setting(mark, "") == state:
        return "skipped - no changes detected"
    async with audited(house, context, "run", "errand", request.errand):
        await context.carry_out(lambda: _plan(house, context, request))
    codes = [
        int(entry.result["exit_code"])
        for entry in await house.store.find(JournalEntry, task_id=context.task.id, state="done")
        if entry.kind == RunErrand.KIND
    ]
    errored = sum(1 for code in codes if 0 < code <= CANCELLED)
    cancelled = sum(1 for code in codes if code > CANCELLED)
    if codes and not errored and not cancelled:
        await house.keep(mark, await _state(house.store, request))
    return f"{len(codes) - errored - cancelled} succeeded, {errored} errored, {cancelled} canceled"


async def _plan(house: House, context: TaskContext, request: ErrandRequest) -> Plan:
    row = await require_deployment(house.store, request.deployment)
    rows = await house.store.find(InstanceRow, deployment=request.deployment)
    jobs = await _errand_jobs(house.store, row)
    hosts = [
        one
        for one in rows
        if one.lifecycle == "service" and one.applied and any(job.name == request.errand for job in one.applied.jobs)
    ]
    if request.errand in jobs and hosts:
        return Plan(request.deployment, (_runs(_chosen(hosts, request), request, request.errand, ()),))
    for group, members in row.errand_groups.items():
        if request.errand == group or (request.errand in jobs and request.errand in members):
            return await _plan_group(house, context, request, row, group)
    known = ", ".join(await errand_names(house.store, request.deployment)) or "none"
    raise NotFound(
        f"Errand '{request.errand}' doesn't exist",
        code=510000,
        status=404,
        remedy=f"This deployment's errands: {known}",
    )


def _chosen(hosts: list[InstanceRow], request: ErrandRequest) -> list[InstanceRow]:
    """The started instances that the filters match; one that matches nothing is refused."""
    started = [one for one in hosts if one.state == "started" and one.agent_id]
    if not request.instances:
        return started
    chosen: dict[str, InstanceRow] = {}
    for target in request.instances:
        mine = [one for one in started if one.group == target.group]
        if target.id == "first":
            mine = sorted(mine, key=lambda one: one.id)[:1]
        elif target.id:
            mine = [one for one in mine if target.id in (one.id, str(one.index))]
        if not mine:
            name = f"{target.group}/{target.id}" if target.id else target.group
            raise BadRequest(
                f"No instances match selection criteria: {name}",
                code=510000,
                remedy=f"The errand runs on: {', '.join(one.name for one in started) or 'no started instance'}",
            )
        chosen.update({one.id: one for one in mine})
    return list(chosen.values())


def _runs(rows: list[InstanceRow], request: ErrandRequest, job: str, needs: tuple[str, ...]) -> Stage:
    units: list[Unit] = []
    for row in rows:
        steps = Steps(f"errand/{row.id}")
        action = RunErrand(instance_id=row.id, group=row.group, errand=request.errand, job=job)
        steps.add(action, f"run {request.errand}")
        units.append(Unit(f"errand/{row.id}", f"{row.name} ({row.index})", tuple(steps.list)))
    return Stage("errand", "Running errand", tuple(units), width=max(1, len(units)), needs=needs)


async def _plan_group(
    house: House, context: TaskContext, request: ErrandRequest, row: DeploymentRow, group: str
) -> Plan:
    """Make the group's VMs, run the errand on its first instance, delete the VMs unless they are to stay."""
    if request.instances and request.errand == group:
        raise BadRequest(
            f"Errand '{request.errand}' is an instance group: instances cannot be chosen",
            code=510000,
            remedy="Leave --instance out",
        )
    if row.manifest is None:
        raise BadRequest(f"Deployment '{row.name}' was never deployed", code=510000, remedy="Deploy it first")
    wanted = DeployRequest(
        row.name,
        row.manifest,
        cloud_config_ids=row.cloud_config_ids or None,
        runtime_config_ids=row.runtime_config_ids or None,
        errand=group,
        user=request.user,
    )
    prepared = await prepare(house, wanted, seed_of(context.task), log=context.log)
    await store_blobs(house, prepared)
    if prepared.changes.put:
        await context.commit(prepared.changes)
    first = next(spec for spec in prepared.specs if spec.group == group)
    stub = InstanceRow(id=first.id, deployment=row.name, group=first.group, index=first.index)
    stages = list(prepared.plan.stages)
    job = first.jobs[0].name if request.errand == group else request.errand
    run = _runs([stub], request, job, tuple(one.id for one in stages))
    stages.append(run)
    if not request.keep_alive:
        units: list[Unit] = []
        for spec in prepared.specs:
            agent_id = prepared.agent_ids.get(spec.id)
            if spec.group != group or not agent_id:
                continue
            steps = Steps(f"dismiss/{spec.id}")
            steps.add(DeleteVm(agent_id=agent_id), "delete the VM")
            units.append(Unit(f"dismiss/{spec.id}", f"{spec.name} ({spec.index})", tuple(steps.list)))
        stages.append(Stage("dismiss", "Deleting errand instances", tuple(units), width=32, needs=(run.id,)))
    return msgspec.structs.replace(prepared.plan, stages=tuple(stages))


async def _errand_jobs(store: Store, row: DeploymentRow) -> set[str]:
    """Jobs of the deployment's releases that have ``bin/run``."""
    found: set[str] = set()
    for name, version in row.releases:
        release = await store.get(ReleaseRow, f"{name}/{version}")
        for job in release.jobs if release else ():
            templates: Document = job.spec.get("templates") or {}
            if "bin/run" in templates.values():
                found.add(job.name)
    return found


async def _state(store: Store, request: ErrandRequest) -> str:
    """What --when-changed compares: who runs it, with which configuration and packages."""
    rows = await store.find(InstanceRow, deployment=request.deployment)
    return digest(
        [
            (one.id, one.applied.configuration_hash, one.applied.packages)
            for one in sorted(rows, key=lambda one: one.id)
            if one.applied is not None
        ]
    )
