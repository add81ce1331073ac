"""A storage pool for machines in a lab: a folder, under libvirt's QEMU driver."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import libvirt

from lab.record import LabRecord


def machine_uri(record: LabRecord) -> str:
    """The QEMU driver of the lab's own libvirtd; works inside and outside."""
    return record.libvirt_uri.replace("lxc:", "qemu:", 1)


def start(record: LabRecord, folder: Path, name: str = "default") -> None:
    """Define and start the pool of `folder` unless it is there."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(machine_uri(record))
    try:
        if name in {pool.name() for pool in connection.listAllStoragePools(0)}:
            return
        folder.mkdir(parents=True, exist_ok=True)
        root = ElementTree.Element("pool", {"type": "dir"})
        ElementTree.SubElement(root, "name").text = name
        ElementTree.SubElement(ElementTree.SubElement(root, "target"), "path").text = str(folder)
        pool = connection.storagePoolDefineXML(ElementTree.tostring(root, encoding="unicode"), 0)
        pool.create(0)
    finally:
        connection.close()
