"""Stemcells for the OpenStack lab: an archive with the disk, as heavy stemcells have it. What the disk holds, the watcher boots."""

from __future__ import annotations

from pathlib import Path

from lab.watcher.stemcell import rewrapped

FORMAT = "openstack-raw"
DISK = "root.img"


def convert(stemcell: Path, out: Path) -> Path:
    """A stemcell of a root tree (format libvirt-rootfs) as one for the OpenStack lab: its disk is the tree's archive."""
    properties = {"disk_format": "raw", "container_format": "bare", "os_type": "linux", "architecture": "x86_64"}
    return rewrapped(
        stemcell,
        out,
        "openstack-lab",
        lambda tree: {DISK: tree},
        stemcell_formats=[FORMAT],
        cloud_properties=properties,
    )
