"""From the cloud's hint to the place where a disk is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.disks import device
from agent.errors import AgentError

UUID = "6000c29b-5a8f-4f61-9d2e-1f0a3c7d9e55"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /dev/disk whose links end at something that counts as a disk here."""
    disk = tmp_path / "disk"
    for folder, names in {
        "by-path": ["pci-0000:03:00.0-scsi-0:0:1:0", "pci-0000:03:00.0-scsi-0:0:1:0-part1", "pci-0000:03:00.0-scsi-0:0:11:0",
                    "pci-0000:00:07.1-ata-1"],
        "by-id": [f"wwn-0x{UUID.replace('-', '')}", "scsi-0QEMU_drive-1", "virtio-0123456789abcdef0123"],
    }.items():  # fmt: skip
        (disk / folder).mkdir(parents=True)
        for name in names:
            (disk / folder / name).touch()
    monkeypatch.setattr(device, "_BY_ID", disk / "by-id")
    monkeypatch.setattr(device, "_BY_PATH", disk / "by-path")
    monkeypatch.setattr(device, "is_block", lambda path: path.exists())
    return disk


def found(hint: object) -> str:
    return device.find(device.parse(hint), timeout=0).name


def test_a_number_is_a_unit_of_the_scsi_bus(dev: Path) -> None:
    assert found("1") == "pci-0000:03:00.0-scsi-0:0:1:0"
    assert found("11") == "pci-0000:03:00.0-scsi-0:0:11:0"
    with pytest.raises(AgentError, match="'at SCSI unit 2' appeared"):
        found("2")


def test_a_uuid_is_the_world_wide_name_too(dev: Path) -> None:
    assert found({"id": UUID}) == f"wwn-0x{UUID.replace('-', '')}"


def test_a_volume_id_is_cut_as_virtio_cuts_it(dev: Path) -> None:
    assert found("0123456789abcdef0123-and-more") == "virtio-0123456789abcdef0123"
