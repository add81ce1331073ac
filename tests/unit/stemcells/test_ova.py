"""A disk in the form that vSphere imports."""

from __future__ import annotations

import hashlib
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from stemcells import ova
from stemcells.recipe import RecipeError
from tests.programs import need

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"


def test_descriptor_and_digests_fit_the_disk(tmp_path: Path) -> None:
    need("qemu-img")
    raw = tmp_path / "disk.raw"
    raw.write_bytes(b"meristem" * 131072)
    files = {path.name: path.read_bytes() for path in ova.image(raw, 1, tmp_path)}
    assert list(files) == ["image.ovf", "image.mf", ova.DISK]  # the order that readers of such archives expect
    descriptor = ElementTree.fromstring(files["image.ovf"])
    file, disk = descriptor.find(f".//{OVF}File"), descriptor.find(f".//{OVF}Disk")
    assert file is not None and file.get(f"{OVF}size") == str(len(files[ova.DISK]))
    assert file.get(f"{OVF}href") == ova.DISK
    assert disk is not None and disk.get(f"{OVF}capacity") == "1"
    wanted = [f"SHA256({name})= {hashlib.sha256(files[name]).hexdigest()}" for name in ("image.ovf", ova.DISK)]
    assert files["image.mf"].decode().splitlines() == wanted
    subprocess.run(["qemu-img", "convert", "-O", "raw", tmp_path / ova.DISK, tmp_path / "back"], check=True)
    assert (tmp_path / "back").read_bytes() == raw.read_bytes()


def test_what_is_no_disk_is_told(tmp_path: Path) -> None:
    need("qemu-img")
    with pytest.raises(RecipeError, match=r"qemu-img: .*absent"):
        ova.image(tmp_path / "absent", 1, tmp_path)
