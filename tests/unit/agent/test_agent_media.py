"""Settings on ISO media: two as genisoimage makes them for a config drive (60 files beside, so that folders take several sectors), one by our vSphere CPI."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from agent.errors import SettingsError
from agent.process import command
from agent.settings.cdrom import CdromSource
from agent.settings.config_drive import ConfigDriveSource
from agent.settings.medium import by_label, read_from
from cpi.vsphere import iso

MEDIA = Path(__file__).resolve().parent / "media"


@pytest.fixture(params=["joliet", "rock-ridge"])
def drive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = tmp_path / "drive"
    place.write_bytes(lzma.decompress((MEDIA / f"{request.param}.iso.xz").read_bytes()))
    return place


def test_a_config_drive(drive: Path) -> None:
    found = ConfigDriveSource(["/dev/no-such", str(drive)], "ec2/latest/user-data").read()
    assert found == {"agent_id": "from-config-drive"}


def test_long_names_in_folders_of_several_sectors(drive: Path) -> None:
    for number in (1, 30, 60):
        assert read_from(drive, f"openstack/latest/a_rather_long_name_of_a_file_{number}.txt") == f"{number}\n".encode()


@pytest.mark.parametrize("name", ["env", "ec2", "ec2/latest/none", "ec2/latest/user-data/more"])
def test_what_is_not_there_is_named(drive: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"/drive: no file {name} on this ISO 9660 medium"):
        read_from(drive, name)


def test_a_cd_of_our_vsphere_cpi(tmp_path: Path) -> None:
    cd = tmp_path / "sr0"
    cd.write_bytes(iso.image("env", b'{"agent_id": "from-cd"}'))
    assert CdromSource("env", ("/dev/no-such", str(cd))).read() == {"agent_id": "from-cd"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("/dev/loop3\n/dev/sr0\n", "/dev/sr0"),  # in a container: another VM's drive comes first
        ("/dev/loop3\n", "/dev/disk/by-label/config-2"),
        ("", "/dev/disk/by-label/config-2"),
        ("/dev/vdb1\n", "/dev/vdb1"),
    ],
)
def test_a_drive_of_a_label_is_one_of_the_vms_own(
    said: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """blkid is a script here: it says what the real one says in a container beside other ones."""
    program = tmp_path / "blkid"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\n[ -n '{said}' ]\n")
    program.chmod(0o755)
    monkeypatch.setattr(command, "SEARCH_PATH", f"{tmp_path}:{command.SEARCH_PATH}")
    assert by_label("/dev/disk/by-label/config-2") == Path(found)
