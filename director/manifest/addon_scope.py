"""Which part of a runtime config a deployment is concerned with: for the diff, so that it shows no foreign addons."""

from __future__ import annotations

from typing import Any, cast

from director.manifest.addons import Target, read_addons
from director.manifest.jobs import read_job
from director.manifest.marks import Source
from director.manifest.reader import Node
from director.model.deployment import Document, GroupNetwork, InstanceGroup, UpdatePolicy
from director.model.errors import Faults


def in_scope(config: Document, manifest: Document) -> Document:
    """The config with only those addons that apply to a group of the manifest, and the releases that these use.

    Nothing is checked here: what is malformed applies to nothing.
    """
    if "addons" not in config and "releases" not in config:
        return config
    node = Node(config, Source("runtime config"), Faults())
    groups, target = _groups(manifest), _target(manifest)
    held = {one.name: one for one in read_addons(node, {}, runtime=True)}
    chosen = {name for name, one in held.items() if any(one.applies(group, target) for group in groups)}
    used = {job.release for name in chosen for job in held[name].jobs}
    return {
        **config,
        "addons": [one for one in _hashes(config.get("addons")) if one.get("name") in chosen],
        "releases": [one for one in _hashes(config.get("releases")) if one.get("name") in used],
    }


def _target(manifest: Document) -> Target:
    systems = {str(one.get("alias")): str(one.get("os", "")) for one in _hashes(manifest.get("stemcells"))}
    return Target(str(manifest.get("name", "")), (), systems)


def _groups(manifest: Document) -> list[InstanceGroup]:
    return [_group(Node(one, Source("manifest"), Faults())) for one in _hashes(manifest.get("instance_groups"))]


def _group(node: Node) -> InstanceGroup:
    names = (item.text("name") for item in node.items("networks"))
    return InstanceGroup(
        name=node.text("name") or "",
        instances=0,
        stemcell=node.text("stemcell") or "",
        jobs=tuple(job for item in node.items("jobs") if (job := read_job(item, None))),
        networks=tuple(GroupNetwork(name) for name in names if name),
        update=UpdatePolicy(),
        azs=tuple(text for text, _ in node.texts("azs")),
        lifecycle=node.text("lifecycle", required=False) or "service",
    )


def _hashes(value: Any) -> list[Document]:
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast(Document, one) for one in found if isinstance(one, dict)]
