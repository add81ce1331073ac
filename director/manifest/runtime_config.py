"""Runtime configs: releases, addons, tags and variables for every deployment (reference §3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct, field

from director.manifest.addons import Addon, read_addons
from director.manifest.placeholder_check import check_placeholders
from director.manifest.reader import Node, open_document
from director.manifest.releases import read_release
from director.manifest.variables import refuse_doubles, variable_nodes
from director.model.deployment import ReleaseWanted, VariableWanted
from director.model.errors import Faults

AMBIGUOUS_RELEASE = 530000
LATEST_REFUSED = 530001
TAGS_TWICE = 530006

_LATEST = re.compile(r"(^|[._])latest$")


class RuntimeConfig(Struct, frozen=True):
    """One named runtime config; addons may use releases of the others."""

    name: str
    releases: tuple[ReleaseWanted, ...] = ()
    addons: tuple[Addon, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    variables: tuple[VariableWanted, ...] = ()


def load_runtime_configs(texts: Sequence[tuple[str, str]]) -> tuple[RuntimeConfig, ...]:
    """Texts (document name for errors, YAML). Raises one `BadRequest` that lists every fault of all of them."""
    faults = Faults()
    documents: list[tuple[str, Node]] = []
    for name, text in texts:
        node = open_document(text, name, faults, what="Runtime config", code=440011)
        if node:
            check_placeholders(node)
            documents.append((name, node))
    releases = {name: _releases(node) for name, node in documents}
    listed = {one.name: one for found in releases.values() for one, _ in found}
    _refuse_other_versions([pair for found in releases.values() for pair in found])
    _refuse_second_tags([node for _, node in documents])
    variables = {name: variable_nodes(node) for name, node in documents}
    refuse_doubles(
        [pair for found in variables.values() for pair in {one.name: (one, at) for one, at in found}.values()]
    )
    out = tuple(
        RuntimeConfig(
            name,
            tuple(one for one, _ in releases[name]),
            read_addons(node, listed, runtime=True),
            node.strings("tags"),
            tuple(one for one, _ in variables[name]),
        )
        for name, node in documents
    )
    faults.settle()
    return out


def load_runtime_config(text: str, *, name: str = "runtime config") -> RuntimeConfig:
    """One alone: its addons may use its own releases only."""
    return load_runtime_configs([(name, text)])[0]


def _releases(node: Node) -> list[tuple[ReleaseWanted, Node]]:
    out: list[tuple[ReleaseWanted, Node]] = []
    for item in node.items("releases"):
        release = read_release(item)
        if release is None:
            continue
        if _LATEST.search(release.version):
            message = (
                f"Runtime manifest contains the release '{release.name}' with version as '{release.version}'. Please"
                " specify the actual version string."
            )
            item.fault(message, "Write the exact version.", code=LATEST_REFUSED, at="version")
        out.append((release, item))
    return out


def _refuse_other_versions(releases: list[tuple[ReleaseWanted, Node]]) -> None:
    first: dict[str, tuple[ReleaseWanted, Node]] = {}
    for one, node in releases:
        held, place = first.setdefault(one.name, (one, node))
        if held.version != one.version:
            message = f"Runtime configs specify release '{one.name}' with versions '{held.version}' and '{one.version}'"
            remedy = f"Use one version; the other is at {place.source.name}:{place.line}."
            node.fault(message, remedy, code=AMBIGUOUS_RELEASE, at="version")


def _refuse_second_tags(documents: list[Node]) -> None:
    holders = [node for node in documents if node.value.get("tags") is not None]
    for extra in holders[1:]:
        message = "Runtime config 'tags' key cannot be defined in multiple runtime configs."
        remedy = f"Keep the one of {holders[0].source.name}."
        extra.fault(message, remedy, code=TAGS_TWICE, at="tags")
