"""What a machine's domain says of itself: who it is for, out of which stemcell, how far it has come; and the tags of its disks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import libvirt

from cpi.libvirt import metadata

NAMESPACE = "urn:meristem:libvirt:record:1"
PREFIX = "meristem-record"
MAKING, READY = "making", "ready"


@dataclass(frozen=True, slots=True)
class Record:
    """`disks`: CID of an attached disk -> its tags."""

    agent_id: str
    stemcell: str
    state: str = MAKING
    disks: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    def with_tags(self, disk_cid: str, tags: Mapping[str, str]) -> Record:
        """The same with other tags of one disk; without any, the disk is left out."""
        others = tuple(entry for entry in self.disks if entry[0] != disk_cid)
        new = ((disk_cid, tuple(sorted(tags.items()))),) if tags else ()
        return Record(self.agent_id, self.stemcell, self.state, (*others, *new))

    def element(self, *, declared: bool = False) -> str:
        """Its element; `declared` with its namespace, as a whole domain's XML wants it."""
        names = {"agent": self.agent_id, "stemcell": self.stemcell, "state": self.state}
        root = ElementTree.Element(f"{{{NAMESPACE}}}vm" if declared else "vm", names)
        for cid, tags in self.disks:
            disk = ElementTree.SubElement(root, f"{{{NAMESPACE}}}disk" if declared else "disk", {"cid": cid})
            for name, value in tags:
                tag = f"{{{NAMESPACE}}}tag" if declared else "tag"
                ElementTree.SubElement(disk, tag, {"name": name}).text = value
        return ElementTree.tostring(root, encoding="unicode")


def read(found: libvirt.virDomain) -> Record | None:
    """The record of a domain; None for one that is not ours."""
    root = _element(found, NAMESPACE)
    if root is None:
        return None
    disks = tuple(
        (disk.get("cid", ""), tuple((tag.get("name", ""), tag.text or "") for tag in disk))
        for disk in root
        if disk.get("cid")
    )
    return Record(root.get("agent", ""), root.get("stemcell", ""), root.get("state", ""), disks)


def write(found: libvirt.virDomain, record: Record) -> None:
    """Replace the record, in what runs and in the definition."""
    flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG | (libvirt.VIR_DOMAIN_AFFECT_LIVE if found.isActive() else 0)
    found.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, record.element(), PREFIX, NAMESPACE, flags)


def key_of(found: libvirt.virDomain) -> str:
    """The key that a domain was made under."""
    root = _element(found, metadata.NAMESPACE)
    return "" if root is None else root.get("key", "")


def _element(found: libvirt.virDomain, namespace: str) -> ElementTree.Element | None:
    try:
        text = found.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, namespace, 0)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return None
        raise
    return ElementTree.fromstring(text)  # noqa: S314 - libvirt's own answer
