"""What makes a machine's disk of a tree: the recipe's additions and the first file system."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from stemcells import initramfs, overlay, tree
from stemcells.recipe import RecipeError, load


def entries_of(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Path -> mode and data of a cpio archive (cpio(5), newc)."""
    found: dict[str, tuple[int, bytes]] = {}
    place = 0
    while True:
        assert archive[place : place + 6] == b"070701"
        fields = [int(archive[place + 6 + 8 * number : place + 14 + 8 * number], 16) for number in range(13)]
        name = archive[place + 110 : place + 110 + fields[11] - 1].decode()
        place += (110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], archive[place : place + fields[6]])
        place += (fields[6] + 3) // 4 * 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    modules = tmp_path / "lib/modules/6.1.0-test"
    for name in ("kernel/drivers/virtio.ko", "kernel/drivers/virtio_ring.ko", "kernel/net/virtio-net.ko"):
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).write_text(name)
    (modules / "modules.dep").write_text(
        "kernel/drivers/virtio_ring.ko:\nkernel/drivers/virtio.ko: kernel/drivers/virtio_ring.ko\n"
        "kernel/net/virtio-net.ko: kernel/drivers/virtio.ko kernel/drivers/virtio_ring.ko\n"
    )
    (modules / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").write_bytes(b"\x7fELF")
    return tmp_path


def test_modules_are_loaded_after_what_they_need(root: Path) -> None:
    made = entries_of(gzip.decompress(initramfs.make(root, ["ext4", "virtio_net", "virtio"], 1)))
    assert made["modules/order"][1].decode().split() == ["virtio_ring.ko", "virtio.ko", "virtio-net.ko"]
    assert made["modules/virtio-net.ko"][1] == b"kernel/net/virtio-net.ko"
    assert made["init"][0] == 0o100755
    assert made["bin/busybox"][1] == b"\x7fELF"
    assert made["proc"][0] == 0o040755


def test_what_the_kernel_lacks_is_named(root: Path) -> None:
    with pytest.raises(RecipeError, match="has no module 'virtio_gpu'"):
        initramfs.make(root, ["virtio_gpu"], 1)
    (root / "lib/modules/6.2.0-test").mkdir()
    with pytest.raises(RecipeError, match="wanted one kernel's modules, found 2"):
        initramfs.make(root, [], 1)


def test_a_machine_is_the_tree_and_more() -> None:
    alone, machine = load("debian-12"), load("debian-12", machine=True)
    assert alone.machine is None
    assert machine.machine is not None
    assert set(alone.packages) < set(machine.packages)
    assert "libvirt-rootfs" not in machine.formats
    assert "systemd-logind.service" in alone.mask
    assert "systemd-logind.service" not in machine.mask
    assert tree.digest(alone, alone.packages) != tree.digest(machine, machine.packages)
    paths = {entry.path for entry in overlay.entries(machine, b"")} - {
        entry.path for entry in overlay.entries(alone, b"")
    }
    assert "usr/lib/meristem/grow-root" in paths
