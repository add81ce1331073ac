"""Stemcells for the simulated vCenter: an OVF descriptor and a system disk in one archive. What the disk holds, the watcher boots."""

from __future__ import annotations

from pathlib import Path

from lab.watcher.stemcell import rewrapped
from stemcells.ova import DISK, descriptor

FORMAT = "vsphere-ovf"


def convert(stemcell: Path, out: Path) -> Path:
    """A stemcell of a root tree (format libvirt-rootfs) as one for the simulated vCenter: its system disk is the tree's archive."""
    return rewrapped(stemcell, out, "vsphere-lab", _image, stemcell_formats=[FORMAT])


def _image(tree: bytes) -> dict[str, bytes]:
    # a capacity below what is uploaded leaves the file as it is: vcsim copies a disk byte by byte for each VM
    return {"image.ovf": descriptor(len(tree), 1).encode(), DISK: tree}
