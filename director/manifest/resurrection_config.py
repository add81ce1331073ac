"""Resurrection configs: which instance groups the health monitor mends (reference §3). They are stored as they come; what cannot be read is told."""

from __future__ import annotations

from collections.abc import Sequence

from director.manifest.reader import MISSING, Node, open_document
from director.model.errors import DirectorError, Faults
from director.model.resurrection import Filter, ResurrectionRule


def load_resurrection_configs(
    texts: Sequence[tuple[str, str]],
) -> tuple[tuple[ResurrectionRule, ...], tuple[DirectorError, ...]]:
    """Texts (document name for errors, YAML), joined: the rules that can be read, and the faults of those that cannot."""
    faults = Faults()
    rules: list[ResurrectionRule] = []
    for name, text in texts:
        node = open_document(text, name, faults, what="Resurrection config", code=440011)
        for item in node.items("rules") if node is not None else []:
            before = len(faults.found)
            if "enabled" not in item:
                item.fault(
                    "Required property 'enabled' was not specified in object", "Add true or false.", code=MISSING
                )
            rule = ResurrectionRule(item.flag("enabled", False), _filter(item, "include"), _filter(item, "exclude"))
            if len(faults.found) == before:
                rules.append(rule)
    return tuple(rules), tuple(faults.found)


def _filter(node: Node, key: str) -> Filter:
    section = node.section(key)
    if section is None:
        return Filter()
    deployments, groups = (tuple(text for text, _ in section.texts(one)) for one in ("deployments", "instance_groups"))
    return Filter(deployments, groups)
