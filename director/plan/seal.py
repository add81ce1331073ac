"""What a plan was made from and what it does, item by item, so that two plannings can be compared and a difference can be named.

An item is a label that an operator understands and a value: a version in words, or a digest (which begins with ``#``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from director.model.actions import CreateVm
from director.model.plan import Plan, Step
from director.model.rows import (
    ConfigRow,
    DeploymentRow,
    DiskRow,
    InstanceRow,
    ReleaseRow,
    StemcellRow,
    VariableRow,
    VmRow,
)
from director.plan.packages import Build
from director.plan.place import Placement
from director.plan.world import World

Items = dict[str, str]
Digest = Callable[[Any], str]

# what an item is when nothing is listed for it
_ELSE = {"agent of ": "answering", "package ": "compiled", "variable ": "not there"}


def config_items(rows: Sequence[ConfigRow]) -> Items:
    """By type and name, the version in force."""
    return {f"{row.type} config '{row.name}'": f"version {row.id}" for row in rows}


def upload_items(releases: Sequence[ReleaseRow], stemcells: Sequence[StemcellRow], digest: Digest) -> Items:
    """Releases by name, stemcells by name and CPI: the version, and what it holds."""
    items: Items = {}
    for one in releases:
        items[f"release '{one.name}'"] = f"version {one.version}"
        items[f"content of release '{one.name}'"] = digest([one.jobs, one.packages])
    for one in stemcells:
        where = f" on CPI '{one.cpi}'" if one.cpi else ""
        items[f"stemcell '{one.name}'{where}"] = f"version {one.version} ({one.cid})"
    return items


def world_items(row: DeploymentRow | None, world: World, digest: Digest) -> Items:
    """What the store knows of the deployment: its last deploy, instances, VMs, disks. Orphans are nobody's business."""
    items: Items = {}
    if row is not None:
        items[f"deployment '{row.name}'"] = digest(row)
    names = {one.id: one.name for one in world.instances}
    for one in world.instances:
        items[f"instance {_instance(one)}"] = digest(one)
    for one in world.vms:
        if one.orphaned_at is None:
            items[f"vm {_vm(one, names)}"] = digest(one)
    for one in world.disks:
        if one.orphaned_at is None:
            items[f"disk {_disk(one)}"] = digest(one)
    return items


def place_items(placement: Placement, links: Any, calculated: Mapping[str, Any], digest: Digest) -> Items:
    """Where instances would stand, with which addresses; what links would tell them; what the CPI says of vm_resources."""
    items = {
        f"place and addresses of {one.group}/{one.id}": digest([one.az, one.index, one.networks])
        for one in placement.instances
    }
    items["what links tell"] = digest(links)
    if calculated:
        items["cloud properties for vm_resources"] = digest(calculated)
    return items


def variable_items(pins: Mapping[str, str], made: Sequence[VariableRow]) -> Items:
    """The pinned version of each variable in use; of those that a deploy makes anew only that it does."""
    fresh = {one.name for one in made}
    return {f"variable '{name}'": "to be made" if name in fresh else f"version {key}" for name, key in pins.items()}


def build_items(builds: Sequence[Build]) -> Items:
    """Packages that have to be compiled."""
    return {f"package {one.package.name} for {one.stemcell}": "not compiled" for one in builds}


def agent_items(world: World, silent: frozenset[str], unmounted: frozenset[str]) -> Items:
    """Agents of which the plan takes note."""
    names = {one.id: _instance(one) for one in world.instances}
    found = {f"agent of {names[one]}": "not answering" for one in silent if one in names}
    lost = {f"disk at the agent of {names[one]}": "not mounted" for one in unmounted - silent if one in names}
    return found | lost


def plan_items(plan: Plan, digest: Digest) -> Items:
    """What a plan does: stages and units, each with its steps, their causes and the addresses of new VMs. Arguments that differ from one
    planning to the next (digests of templates with new variables in them) are no part of it."""
    items: Items = {"the agents": digest(plan.agents)}
    for stage in plan.stages:
        name = " ".join([f"stage '{stage.title}'", *stage.tags])
        items[f"{name} ({stage.id})"] = digest(
            [stage.title, stage.width, stage.needs, stage.tags, [one.id for one in stage.units]]
        )
        for unit in stage.units:
            steps = [[one.id, one.kind, one.title, one.causes, _networks(one)] for one in unit.steps]
            label = f"{unit.task} in {name} ({stage.id})"
            # packages of one name, for two stemcells
            label = label if label not in items else f"{label}: {unit.id}"
            items[label] = digest([unit.id, unit.needs, steps])
    return items


def moved(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """In words, each item that is another now."""
    told: list[str] = []
    for label in dict.fromkeys((*now, *before)):
        was, is_ = before.get(label, _else(label)), now.get(label, _else(label))
        if was == is_:
            continue
        if was is None:
            told.append(f"{label} is new")
        elif is_ is None:
            told.append(f"{label} is gone")
        elif was.startswith("#") or is_.startswith("#"):
            told.append(f"{label} has changed")
        else:
            told.append(f"{label} is now {is_} (was {was})")
    return told


def _else(label: str) -> str | None:
    return next((text for start, text in _ELSE.items() if label.startswith(start)), None)


def _networks(step: Step) -> Any:
    return step.args["vm"]["networks"] if step.kind == CreateVm.KIND else None


def _instance(row: InstanceRow) -> str:
    return f"{row.name} ({row.index})"


def _vm(row: VmRow, names: Mapping[str, str]) -> str:
    return f"{row.cid or row.agent_id} of {names.get(row.instance_id, row.purpose)}"


def _disk(row: DiskRow) -> str:
    return f"{row.cid or row.object_key} of {row.instance_name or 'nobody'}"
