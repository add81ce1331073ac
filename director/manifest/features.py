"""``features`` of a manifest."""

from __future__ import annotations

from director.manifest.reader import Node, shown
from director.model.deployment import Document

BAD_FORMAT = 560001
INCOMPATIBLE = 210001

_FLAGS = (
    "use_dns_addresses",
    "use_short_dns_addresses",
    "use_link_dns_names",
    "randomize_az_placement",
    "converge_variables",
    "use_tmpfs_config",
)
_IMPLIED = ("use_dns_addresses", "use_short_dns_addresses")


def read_features(manifest: Node) -> Document:
    """The flags that are given, and those that ``use_link_dns_names`` implies; the rest stays unset (director's defaults)."""
    if manifest.value.get("features") is None:
        return {}
    node = manifest.child("features")
    if not isinstance(node.value, dict):
        message = f"Key 'features' expects a Hash, but received {shown(node.value)}"
        node.fault(message, "Write it as a hash of flags.", code=BAD_FORMAT)
        return {}
    out: Document = {}
    for key in _FLAGS:
        if key not in node:
            continue
        value = node.value[key]
        if isinstance(value, bool):
            out[key] = value
        else:
            message = f"Key '{key}' in 'features' expected to be a boolean, but received {shown(value)}"
            node.fault(message, "Write true or false without quotes.", code=BAD_FORMAT, at=key)
    if out.get("use_link_dns_names"):
        for key in _IMPLIED:
            if out.get(key) is False:
                message = f"cannot enable `use_link_dns_names` when `{key}` is explicitly disabled"
                node.fault(message, f"Remove '{key}: false' or 'use_link_dns_names'.", code=INCOMPATIBLE, at=key)
            out.setdefault(key, True)
    return out
