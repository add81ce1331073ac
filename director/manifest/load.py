"""A deployment manifest, read and checked against cloud and runtime configs (reference §1). Nothing is changed or looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from director.manifest.addons import Target, place_addons, read_addons
from director.manifest.canonical import check_canonical
from director.manifest.early import fill_early
from director.manifest.features import read_features
from director.manifest.instance_groups import GroupContext, read_instance_groups
from director.manifest.placeholder_check import check_placeholders
from director.manifest.reader import Node, open_document
from director.manifest.releases import read_releases, read_stemcells
from director.manifest.runtime_config import RuntimeConfig
from director.manifest.update_block import read_update
from director.manifest.variables import read_variables
from director.model.cloud_config import CloudConfig
from director.model.deployment import Deployment, InstanceGroup, ReleaseWanted, StemcellWanted, VariableWanted
from director.model.errors import BadRequest, Faults

BAD_MANIFEST = 440001
RELEASE_CONFLICT = 530003
VARIABLE_TWICE = 190022

_CLOUD_ONLY = 190014
_REJECTED = {
    "azs": _CLOUD_ONLY,
    "vm_types": _CLOUD_ONLY,
    "vm_extensions": _CLOUD_ONLY,
    "disk_types": _CLOUD_ONLY,
    "compilation": _CLOUD_ONLY,
    "networks": 140026,
    "disk_pools": 140027,
    "resource_pools": 140028,
    "jobs": 140023,
}
_MOVED = {
    "disk_pools": "Use 'disk_types' of the cloud config.",
    "resource_pools": "Use 'vm_types' of the cloud config and 'stemcells' here.",
    "jobs": "Rename 'jobs' to 'instance_groups'.",
}


def load_deployment(
    text: str,
    cloud: CloudConfig,
    runtime: Sequence[RuntimeConfig] = (),
    *,
    name: str = "manifest",
    overrides: Mapping[str, int | str] | None = None,
    teams: Sequence[str] = (),
    stemcell_os: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Deployment:
    """The deployment that ``text`` asks for, addons placed.

    ``name`` names the document in errors. ``overrides`` are canaries and max_in_flight of the request. ``stemcell_os`` gives the
    operating system of stemcells by name, for addon filters. ``values`` are those of `early_variables`. Raises one `BadRequest` that lists every fault with its place.
    """
    faults = Faults()
    node = open_document(text, name, faults, what="Deployment manifest", code=BAD_MANIFEST)
    if node is None:
        faults.settle()
        raise AssertionError("a document that does not open has a fault")
    node.value = fill_early(node.value, values or {})
    check_placeholders(node)
    _refuse_old_sections(node)
    title = node.text("name") or ""
    if title:
        check_canonical(node, title)
    releases, stemcells = read_releases(node), read_stemcells(node)
    update = read_update(node.section("update", required=True), None, overrides or {}, faults)
    features = read_features(node)
    context = GroupContext(
        cloud=cloud,
        releases={one.name: one for one in releases},
        stemcells={one.alias: one for one in stemcells},
        update=update,
        properties=node.hash("properties"),
        overrides=overrides or {},
        tmpfs=features.get("use_tmpfs_config"),
    )
    read = read_instance_groups(node, context)
    addons = read_addons(node, context.releases, runtime=False)
    tags = {key: value for one in runtime for key, value in one.tags.items()} | node.strings("tags")
    variables = _variables(node, runtime, converge=bool(features.get("converge_variables")))
    target = Target(title, tuple(teams), _systems(stemcells, stemcell_os or {}))
    groups = place_addons([group for group, _ in read], addons, target, faults)
    groups, releases = _add_runtime(groups, releases, runtime, target, faults)
    faults.settle()
    return Deployment(title, releases, stemcells, update, _tagged(groups, tags), variables, features, tags)


def _refuse_old_sections(node: Node) -> None:
    for key, code in _REJECTED.items():
        if key not in node:
            continue
        if code == _CLOUD_ONLY:
            message = f"Deployment manifest contains '{key}' section, but it can only be used in cloud-config."
        else:
            message = f"Deployment '{key}' are no longer supported"
        remedy = _MOVED.get(key, f"Move '{key}' into the cloud config.")
        node.fault(message, remedy, code=code, at=key)


def _systems(stemcells: tuple[StemcellWanted, ...], known: Mapping[str, str]) -> dict[str, str]:
    return {one.alias: one.os or known.get(one.name or "", "") for one in stemcells}


def _variables(node: Node, runtime: Sequence[RuntimeConfig], *, converge: bool) -> tuple[VariableWanted, ...]:
    own = read_variables(node, converge=converge)
    out = {one.name: one for one in own}
    for config in runtime:
        for one in config.variables:
            if one.name in out:
                message = f"Variable name '{one.name}' must be unique."
                remedy = f"Runtime config '{config.name}' defines it too; rename one."
                node.fault(message, remedy, code=VARIABLE_TWICE, at="variables")
            out.setdefault(one.name, one)
    return tuple(out.values())


def _add_runtime(
    groups: list[InstanceGroup],
    releases: tuple[ReleaseWanted, ...],
    runtime: Sequence[RuntimeConfig],
    target: Target,
    faults: Faults,
) -> tuple[list[InstanceGroup], tuple[ReleaseWanted, ...]]:
    """Addons of runtime configs that apply, and the releases that those need."""
    listed = {one.name: one for config in runtime for one in config.releases}
    wanted = {one.name: one for one in releases}
    for config in runtime:
        for addon in config.addons:
            if not any(addon.applies(group, target) for group in groups):
                continue
            for name in {job.release: None for job in addon.jobs}:
                given, own = listed.get(name), wanted.get(name)
                if given is None:
                    continue
                if own is not None and own.version != given.version:
                    message = (
                        f"Runtime manifest specifies release '{name}' with version as '{given.version}'. This conflicts"
                        f" with version '{own.version}' specified in the deployment manifest."
                    )
                    remedy = "Use one version in both."
                    faults.add(BadRequest(message, code=RELEASE_CONFLICT, place=addon.place, remedy=remedy))
                wanted.setdefault(name, given)
            groups = place_addons(groups, [addon], target, faults)
    return groups, tuple(wanted.values())


def _tagged(groups: list[InstanceGroup], tags: dict[str, str]) -> tuple[InstanceGroup, ...]:
    return tuple(structs.replace(group, tags=tags | group.tags) for group in groups)
