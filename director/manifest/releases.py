"""``releases[]`` and ``stemcells[]`` of a manifest."""

from __future__ import annotations

from director.manifest.reader import INVALID_VALUE, MISSING, Node, unique
from director.model.deployment import ReleaseWanted, StemcellWanted

DUPLICATE_RELEASE = 190002
DUPLICATE_ALIAS = 50005
NO_STEMCELLS = 190019
AMBIGUOUS_RELEASES = 190001


def read_releases(manifest: Node) -> tuple[ReleaseWanted, ...]:
    """Versions stay as written."""
    if "release" in manifest:
        message = "Deployment manifest contains 'release', which is no longer supported"
        if "releases" in manifest:
            message = "Deployment manifest contains both 'release' and 'releases' sections, please use one of the two."
        manifest.fault(message, "Keep 'releases' only.", code=AMBIGUOUS_RELEASES, at="release")
    found = [(each, node) for node in manifest.items("releases", required=True) if (each := read_release(node))]
    unique([(each.name, node) for each, node in found], "Duplicate release name '{name}'", code=DUPLICATE_RELEASE)
    return tuple(each for each, _ in found)


def read_release(node: Node) -> ReleaseWanted | None:
    """One entry; None when its name or version is missing."""
    name, version = node.text("name"), node.text("version")
    exported: list[tuple[str, str]] = []
    for each in node.items("exported_from"):
        os, of = each.text("os"), each.text("version")
        if os and of:
            exported.append((os, of))
    if version == "create":
        message = f"Release '{name}' has version 'create', which only the CLI can carry out"
        node.fault(message, "Deploy with a CLI that builds it from 'url'.", code=INVALID_VALUE, at="version")
    return ReleaseWanted(name, version, tuple(exported)) if name and version else None


def read_stemcells(manifest: Node) -> tuple[StemcellWanted, ...]:
    """Exactly one of name and os each."""
    if "stemcells" not in manifest:
        message = "Required property 'stemcells' was not specified"
        manifest.fault(message, "Add 'stemcells' with alias, os and version.", code=NO_STEMCELLS)
        return ()
    found = [(each, node) for node in manifest.items("stemcells") if (each := _stemcell(node))]
    unique([(each.alias, node) for each, node in found], "Duplicate stemcell alias '{name}'", code=DUPLICATE_ALIAS)
    return tuple(each for each, _ in found)


def _stemcell(node: Node) -> StemcellWanted | None:
    alias, version = node.text("alias"), node.text("version")
    name, os = node.text("name", required=False), node.text("os", required=False)
    if name is None and os is None:
        node.fault("Required property 'os' or 'name' was not specified", "Add 'os' (or 'name').", code=MISSING)
    elif name and os:
        message = f"Stemcell '{alias}' specifies both 'name' and 'os'"
        node.fault(message, "Keep exactly one of them.", code=INVALID_VALUE, at="name")
    if alias is None or version is None or (name is None and os is None):
        return None
    return StemcellWanted(alias, version, name, os)
