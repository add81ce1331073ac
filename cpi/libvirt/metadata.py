"""The plugin's own element in a domain's XML: the key and the director's tags."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

NAMESPACE = "urn:meristem:libvirt:1"
PREFIX = "meristem"


def element(key: str, tags: Mapping[str, str]) -> str:
    """The element as libvirt wants it for setMetadata: without a namespace declaration."""
    root = ElementTree.Element("vm", {"key": key})
    for name, value in sorted(tags.items()):
        ElementTree.SubElement(root, "tag", {"name": name}).text = value
    return ElementTree.tostring(root, encoding="unicode")


def read(xml: str) -> dict[str, str]:
    """The tags in such an element."""
    return {tag.get("name", ""): tag.text or "" for tag in ElementTree.fromstring(xml).iter() if tag.get("name")}  # noqa: S314 - libvirt's own answer
