"""``instance_groups[]`` of a manifest."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from director.manifest.canonical import canonical, check_canonical
from director.manifest.compilation import read_resources
from director.manifest.group_disks import read_disks
from director.manifest.group_networks import read_azs, read_networks
from director.manifest.jobs import read_jobs
from director.manifest.reader import MISSING, Node, did_you_mean, unique
from director.manifest.update_block import read_update
from director.model.cloud_config import CloudConfig
from director.model.deployment import Document, InstanceGroup, ReleaseWanted, StemcellWanted, UpdatePolicy
from director.model.errors import Faults

UNKNOWN_VM_TYPE = 140004
UNKNOWN_STEMCELL = 140005
BAD_INSTANCE_STATE = 140007
BAD_STATE = 140008
BAD_LIFECYCLE = 140011
BAD_VM = 140022
OLD_TEMPLATE = 140024
OLD_RESOURCE_POOL = 140025
NAME_TAKEN = 190006
BAD_MIGRATED_FROM = 190018

_LIFECYCLES = ("service", "errand")
_STATES = ("started", "stopped", "detached", "recreate", "restart")


class GroupContext(Struct, frozen=True):
    """What a group may refer to; ``properties`` are the manifest's deprecated global ones."""

    cloud: CloudConfig
    releases: Mapping[str, ReleaseWanted]
    stemcells: Mapping[str, StemcellWanted]
    update: UpdatePolicy
    properties: Document
    overrides: Mapping[str, int | str]
    tmpfs: bool | None = None


def read_instance_groups(manifest: Node, context: GroupContext) -> list[tuple[InstanceGroup, Node]]:
    """Groups in manifest order, with their nodes for later checks."""
    found = [(group, node) for node in manifest.items("instance_groups") if (group := _group(node, context))]
    unique(
        [(canonical(group.name), node) for group, node in found],
        "Invalid instance group name '{name}', canonical name already taken",
        code=NAME_TAKEN,
    )
    return found


def _group(node: Node, context: GroupContext) -> InstanceGroup | None:
    name = node.text("name")
    if name is not None:
        check_canonical(node, name)
    label = name or f"#{node.path[-1]}"
    _refuse_old_keys(node, label)
    instances = node.integer("instances", least=0)
    jobs = read_jobs(node, label, context.releases, context.properties)
    stemcell = _known(node, label, "stemcell", "stemcell", context.stemcells, UNKNOWN_STEMCELL, required=True)
    vm_type, resources = _machine(node, label, context.cloud)
    extensions = _extensions(node, label, context.cloud)
    disk, named_disks = read_disks(node, label, context.cloud)
    azs = read_azs(node, label, context.cloud)
    networks = read_networks(node, label, instances, azs, context.cloud)
    update = read_update(node.section("update"), context.update, context.overrides, Faults())
    lifecycle = _choice(node, label, "lifecycle", _LIFECYCLES, "service", BAD_LIFECYCLE)
    state = _choice(node, label, "state", _STATES, "started", BAD_STATE)
    migrated = _migrated_from(node, label, azs)
    env, tags, states = _env(node, context.tmpfs), node.strings("tags"), _instance_states(node, label)
    if name is None or instances is None or stemcell is None:
        return None
    return InstanceGroup(
        name=name,
        instances=instances,
        stemcell=stemcell,
        jobs=jobs,
        networks=networks,
        update=update,
        azs=azs,
        vm_type=vm_type,
        vm_resources=resources,
        vm_extensions=extensions,
        disk=disk,
        named_disks=named_disks,
        lifecycle=lifecycle,
        env=env,
        tags=tags,
        migrated_from=migrated,
        state=state,
        instance_states=states,
        line=node.line,
    )


def _refuse_old_keys(node: Node, group: str) -> None:
    for key in ("template", "templates"):
        if key in node:
            message = f"Instance group '{group}' specifies template or templates. This is no longer supported, please use jobs instead"
            node.fault(message, "Rename it to 'jobs' with name and release of each.", code=OLD_TEMPLATE, at=key)
    if "resource_pool" in node:
        message = "Instance groups no longer support resource_pool, please use 'vm_type' or 'vm_resources' keys"
        node.fault(message, "Name a VM type of the cloud config.", code=OLD_RESOURCE_POOL, at="resource_pool")
    if "jobs" not in node:
        node.fault(f"Instance group '{group}' does not specify jobs key", "Add 'jobs'.", code=MISSING)


def _known(
    node: Node, group: str, key: str, what: str, known: Mapping[str, object], code: int, *, required: bool
) -> str | None:
    name = node.text(key, required=required)
    if name is not None and name not in known:
        message = f"Instance group '{group}' references an unknown {what} '{name}'"
        node.fault(message, did_you_mean(name, known), code=code, at=key)
    return name


def _machine(node: Node, group: str, cloud: CloudConfig) -> tuple[str | None, dict[str, int] | None]:
    vm_type = _known(node, group, "vm_type", "vm type", cloud.vm_types, UNKNOWN_VM_TYPE, required=False)
    resources = read_resources(node)
    given = [key for key in ("vm_type", "vm_resources") if node.value.get(key) is not None]
    if not given:
        message = f"Instance group '{group}' is missing either 'vm_type' or 'vm_resources' section."
        node.fault(message, did_you_mean("", cloud.vm_types), code=BAD_VM)
    elif len(given) > 1:
        message = f"Instance group '{group}' can only specify 'vm_type' or 'vm_resources' keys."
        node.fault(message, "Remove one of them.", code=BAD_VM, at="vm_resources")
    return vm_type, resources


def _extensions(node: Node, group: str, cloud: CloudConfig) -> tuple[str, ...]:
    found = node.texts("vm_extensions")
    for name, place in found:
        if name not in cloud.vm_extensions:
            message = f"Instance group '{group}' references an unknown vm extension '{name}'"
            place.fault(message, did_you_mean(name, cloud.vm_extensions), code=UNKNOWN_VM_TYPE)
    return tuple(name for name, _ in found)


def _choice(node: Node, group: str, key: str, allowed: tuple[str, ...], default: str, code: int) -> str:
    given = node.text(key, required=False)
    if given is None:
        return default
    if given not in allowed:
        profiles = "lifecycle profiles" if key == "lifecycle" else f"{key}s"
        message = f"Invalid {key} '{given}' for '{group}', valid {profiles} are: {', '.join(allowed)}"
        node.fault(message, did_you_mean(given, allowed), code=code, at=key)
    return given


def _migrated_from(node: Node, group: str, azs: tuple[str, ...]) -> tuple[tuple[str, str | None], ...]:
    out: list[tuple[str, str | None]] = []
    for item in node.items("migrated_from"):
        name, az = item.text("name"), item.text("az", required=False)
        if az is not None and az not in azs:
            message = (
                f"Instance group '{name}' specified for migration to instance group '{group}' refers to availability"
                f" zone '{az}'. Az '{az}' is not in the list of availability zones of instance group '{group}'."
            )
            item.fault(message, did_you_mean(az, azs), code=BAD_MIGRATED_FROM, at="az")
        if name:
            out.append((name, az))
    return tuple(out)


def _instance_states(node: Node, group: str) -> dict[str, str]:
    states = node.strings("instance_states")
    for index, state in states.items():
        if state not in _STATES:
            message = f"Invalid state '{state}' for '{group}/{index}', valid states are: {', '.join(_STATES)}"
            place = node.child("instance_states")
            place.fault(message, did_you_mean(state, _STATES), code=BAD_INSTANCE_STATE, at=index)
    return states


def _env(node: Node, tmpfs: bool | None) -> Document:
    env = node.hash("env")
    if tmpfs is None:
        return env
    bosh = dict(env.get("bosh") or {})
    bosh["job_dir"] = {"tmpfs": tmpfs, **(bosh.get("job_dir") or {})}
    agent = dict(bosh.get("agent") or {})
    agent["settings"] = {"tmpfs": tmpfs, **(agent.get("settings") or {})}
    return {**env, "bosh": {**bosh, "agent": agent}}
