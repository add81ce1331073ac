"""What runs: VMs and instances as the API lists them (director API §5, §5.1)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from msgspec import UNSET, Struct, UnsetType, convert

from director.engine.context import TaskContext
from director.model.briefs import DeploymentBrief, InstanceBrief, VmBrief
from director.model.deployment import Document
from director.model.errors import AgentError, NotFound
from director.model.rows import DeploymentRow, DiskRow, InstanceRow, StemcellRow, VmRow
from director.ports.store import Store
from director.service.house import House

AGENT_SECONDS = 5


class VmStateRequest(Struct, frozen=True):
    """``instances``: list all instances, those without a VM too."""

    deployment: str
    instances: bool = False


async def require_deployment(store: Store, name: str) -> DeploymentRow:
    """The deployment's row; 70000 when there is none."""
    row = await store.get(DeploymentRow, name)
    if row is None:
        raise NotFound(f"Deployment '{name}' doesn't exist", code=70000)
    return row


def addresses_of(vm: VmRow | None, row: InstanceRow | None) -> list[str]:
    """The VM's addresses, or those its instance holds."""
    networks: Document = (
        vm.networks
        if vm is not None
        else row.applied.vm.networks
        if row is not None and row.applied is not None
        else {}
    )
    return [str(one["ip"]) for one in networks.values() if one.get("ip")]


class Listed(Struct, frozen=True):
    """An instance as it is listed without asking its agent."""

    agent_id: str | None
    cid: str | None
    job: str
    index: int
    id: str
    az: str | None
    ips: list[str]
    vm_created_at: str | None
    permanent_nats_credentials: bool
    expects_vm: bool | UnsetType = UNSET  # in a list of instances
    active: bool | UnsetType = UNSET  # in a list of VMs


async def short_rows(store: Store, deployment: str, *, instances: bool) -> list[Listed]:
    """GET vms and GET instances without format=full: no agent is asked."""
    if await store.get(DeploymentBrief, deployment) is None:
        await require_deployment(store, deployment)
    found, rows = await asyncio.gather(
        store.find(VmBrief, deployment=deployment), store.find(InstanceBrief, deployment=deployment)
    )
    vms = {vm.agent_id: vm for vm in found if vm.cid}
    return [
        _listed(row, vms.get(row.agent_id), instances=instances)
        for row in sorted(rows, key=lambda one: (one.group, one.index))
        if instances or row.agent_id in vms
    ]


def _listed(row: InstanceBrief, vm: VmBrief | None, *, instances: bool) -> Listed:
    return Listed(
        vm.agent_id if vm else None,
        vm.cid if vm else None,
        row.group,
        row.index,
        row.id,
        row.az or None,
        _addresses(vm, row),
        iso(vm.created_at) if vm else None,
        vm.permanent_credentials if vm else False,
        row.lifecycle == "service" and row.state != "detached" if instances else UNSET,
        UNSET if instances else True,
    )


def _addresses(vm: VmBrief | None, row: InstanceBrief) -> list[str]:
    networks = vm.networks if vm is not None else row.applied.vm.networks if row.applied is not None else {}
    return [one.ip for one in networks.values() if one.ip]


async def run_vm_state(house: House, context: TaskContext) -> str | None:
    """Handler of ``vms``: one line per VM or instance, agents asked all at once."""
    request = convert(context.task.request, VmStateRequest)
    store = house.store
    await require_deployment(store, request.deployment)
    rows = await store.find(InstanceRow, deployment=request.deployment)
    vms = {
        vm.agent_id: vm
        for vm in await store.find(VmRow, deployment=request.deployment)
        if vm.cid and vm.purpose == "instance"
    }
    disks = await store.find(DiskRow, deployment=request.deployment)
    stemcells = {(one.name, one.version): one for one in await store.find(StemcellRow)}
    chosen = [
        row for row in sorted(rows, key=lambda one: (one.group, one.index)) if request.instances or row.agent_id in vms
    ]
    entries = await asyncio.gather(*(_full(house, row, vms.get(row.agent_id), disks, stemcells) for row in chosen))
    for entry in entries:
        context.log.result(entry)
    return None


async def _full(
    house: House,
    row: InstanceRow,
    vm: VmRow | None,
    disks: list[DiskRow],
    stemcells: dict[tuple[str, str], StemcellRow],
) -> Document:
    state: dict[str, Any] = {}
    job_state: str | None = None
    if vm is not None:
        try:
            state = await house.agents.call(vm.agent_id, "get_state", "full", timeout=AGENT_SECONDS)
            job_state = str(state.get("job_state"))
        except AgentError:
            job_state = "unresponsive agent"
    mine = [disk for disk in disks if disk.instance_id == row.id and disk.cid and disk.orphaned_at is None]
    applied = row.applied
    name = vm.stemcell if vm else (applied.vm.stemcell_name, applied.vm.stemcell_version) if applied else ("", "")
    stemcell = stemcells.get(name)
    return {
        "vm_cid": vm.cid if vm else None,
        "active": vm.active if vm else None,
        "vm_created_at": iso(vm.created_at) if vm else None,
        "cloud_properties": vm.cloud_properties if vm else None,
        "disk_cid": mine[0].cid if mine else None,
        "disk_cids": [disk.cid for disk in mine],
        "ips": addresses_of(vm, row),
        "agent_id": vm.agent_id if vm else None,
        "job_name": row.group,
        "index": row.index,
        "job_state": job_state,
        "state": row.state,
        "vm_type": applied.vm.vm_type if applied else None,
        "vitals": state.get("vitals"),
        "processes": state.get("processes") or [],
        "az": row.az or None,
        "id": row.id,
        "bootstrap": row.bootstrap,
        "ignore": row.ignore,
        "stemcell": {"name": name[0], "version": name[1], "api_version": stemcell.api_version if stemcell else 1},
    }


def iso(seconds: float | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if seconds is None else _iso(int(seconds // 1))


@lru_cache(maxsize=8192)
def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
