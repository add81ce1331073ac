"""One contract for both kinds of disks; the real ones are loop devices, formatted and mounted."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.disks import filesystem
from agent.disks.linux import LinuxDisks
from agent.disks.plain import PlainDisks
from agent.disks.port import Disks
from agent.errors import AgentError
from agent.layout import Layout
from agent.settings.model import Settings

SIZE = 24 << 20


class DiskHouse:
    """Disks below a folder, and devices to attach."""

    def __init__(self, folder: Path, *, real: bool) -> None:
        self.layout = Layout(folder / "vcap", Path("/"))
        self.layout.store.mkdir(parents=True)
        self.settings = Settings({"agent_id": "a", "disks": {}}, {})
        self._folder = folder
        self._real = real
        self.loops: list[str] = []

    @property
    def disks(self) -> Disks:
        kind = LinuxDisks if self._real else PlainDisks
        return kind(self.layout, self.settings)

    def device(self) -> str:
        if not self._real:
            return f"/dev/none-{uuid.uuid4()}"
        image = self._folder / f"disk-{len(self.loops)}.img"
        image.touch()
        os.truncate(image, SIZE)
        made = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"no loop device: {made.stderr.strip()}")
        self.loops.append(made.stdout.strip())
        return self.loops[-1]

    def clean_up(self) -> None:
        for point in (self.layout.store_migration_target, self.layout.store):
            while point.exists() and filesystem.mounted_at(point) is not None:
                subprocess.run(["umount", str(point)], check=True)
        for loop in self.loops:
            subprocess.run(["losetup", "-d", loop], check=True)


def _real(folder: Path) -> Iterator[DiskHouse]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = DiskHouse(folder, real=True)
    yield made
    made.clean_up()


@pytest.fixture(params=["plain", pytest.param("real", marks=pytest.mark.lab)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DiskHouse]:
    if request.param == "plain":
        yield DiskHouse(tmp_path, real=False)
    else:
        yield from _real(tmp_path)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[DiskHouse]:
    yield from _real(tmp_path)


def test_attach_mount_unmount_detach(house: DiskHouse) -> None:
    disks = house.disks
    with pytest.raises(AgentError, match="disk d1 is not attached"):
        disks.mount("d1")
    disks.attach("d1", house.device())
    assert disks.mounted() == []
    disks.mount("d1")
    disks.mount("d1")
    assert house.disks.mounted() == ["d1"]
    assert disks.unmount("d1") == "Unmounted partition of d1"
    assert disks.unmount("d1") == "Partition of d1 is not mounted"
    assert disks.mounted() == []
    disks.detach("d1")
    with pytest.raises(AgentError, match="not attached"):
        house.disks.mount("d1")


def test_migration_puts_the_new_disk_in_the_place_of_the_old(house: DiskHouse) -> None:
    disks = house.disks
    with pytest.raises(AgentError, match="no disk is mounted"):
        disks.migrate(False, lambda: None)
    disks.attach("old", house.device())
    disks.attach("new", {"path": house.device(), "partition": False})
    disks.mount("old")
    (house.layout.store / "data").write_text("precious")
    disks.mount("new")
    assert sorted(disks.mounted()) == ["new", "old"]
    disks.migrate(False, lambda: None)
    assert disks.mounted() == ["new"]
    assert (house.layout.store / "data").read_text() == "precious"
    disks.migrate(True, lambda: None)
    assert house.disks.mounted() == ["new"]
    assert disks.unmount("old") == "Partition of old is not mounted"


@pytest.mark.lab
def test_a_disk_with_a_file_system_is_never_formatted(real: DiskHouse) -> None:
    device = real.device()
    real.disks.attach("d1", {"path": device})
    real.disks.mount("d1")
    assert filesystem.probe(Path(device))["TYPE"] == "ext4"
    (real.layout.store / "data").write_text("precious")
    real.disks.unmount("d1")
    assert not (real.layout.store / "data").exists()
    real.disks.mount("d1")
    assert (real.layout.store / "data").read_text() == "precious"
    # As after a restart of the VM: the books say what was mounted.
    subprocess.run(["umount", str(real.layout.store)], check=True)
    assert real.disks.mounted() == []
    real.disks.remount()
    real.disks.remount()
    assert (real.layout.store / "data").read_text() == "precious"


@pytest.mark.lab
def test_a_half_made_file_system_is_made_anew_but_only_then(real: DiskHouse) -> None:
    device = Path(real.device())
    intent = real.layout.bosh / "formatting" / "d1"
    filesystem.ensure_filesystem(device, "ext4", intent)
    assert not intent.exists()
    first = filesystem.probe(device)["UUID"]
    filesystem.ensure_filesystem(device, "ext4", intent)
    assert filesystem.probe(device)["UUID"] == first
    intent.touch()
    filesystem.ensure_filesystem(device, "ext4", intent)
    assert filesystem.probe(device)["UUID"] != first and not intent.exists()


@pytest.mark.lab
def test_a_disk_with_foreign_content_is_refused(real: DiskHouse) -> None:
    device = real.device()
    subprocess.run(["mkswap", device], check=True, capture_output=True)
    real.disks.attach("d1", device)
    with pytest.raises(AgentError, match="swap"):
        real.disks.mount("d1")
    assert filesystem.probe(Path(device))["TYPE"] == "swap"


@pytest.mark.lab
def test_a_resized_disk_gives_its_room(real: DiskHouse) -> None:
    device = real.device()
    real.disks.attach("d1", device)
    real.disks.mount("d1")
    before = os.statvfs(real.layout.store).f_blocks
    real.disks.unmount("d1")
    image = real.layout.base.parent / "disk-0.img"
    os.truncate(image, 2 * SIZE)
    subprocess.run(["losetup", "-c", device], check=True)
    real.disks.mount("d1")
    assert os.statvfs(real.layout.store).f_blocks > 1.7 * before


@pytest.mark.lab
def test_an_interrupted_migration_is_never_taken_for_a_finished_copy(real: DiskHouse) -> None:
    disks = real.disks
    disks.attach("old", real.device())
    disks.attach("new", real.device())
    disks.mount("old")
    (real.layout.store / "data").write_text("precious")
    disks.mount("new")
    subprocess.run(["umount", str(real.layout.store)], check=True)
    with pytest.raises(AgentError, match="both disks must be mounted"):
        disks.migrate(False, lambda: None)
    disks.remount()
    noted: list[bool] = []
    disks.migrate(False, lambda: noted.append(True))
    assert noted == [True] and (real.layout.store / "data").read_text() == "precious"
