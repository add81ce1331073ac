"""The recipe's stemcell for vSphere: its archive, and its disk on QEMU with the devices that vSphere gives a VM.

They are QEMU's own models of a paravirtual SCSI controller, a vmxnet3 card (on no network) and an IDE drive with the settings."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from cpi.vsphere import iso
from stemcells.build import build
from tests.clouds.libvirt.authority import bus_env
from tests.programs import need

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
MAC = "00:50:56:01:02:03"
BOOTED = "agent agent-ova is booted"
MIB = 1 << 20


@pytest.fixture(scope="module")
def stemcell(tmp_path_factory) -> Path:
    """The stemcell's files, with those of its image in `image.d`."""
    if os.geteuid() != 0:
        pytest.skip("building a stemcell needs root")
    need("qemu-system-x86_64", "qemu-img")
    folder = tmp_path_factory.mktemp("ova")
    build("debian-12", folder / "stemcell.tgz", vsphere=True, say=print)
    for archive, place in ((folder / "stemcell.tgz", folder), (folder / "image", folder / "image.d")):
        place.mkdir(exist_ok=True)
        _output("tar", "-xf", archive, "-C", place)
    return folder


def test_the_archive_is_that_of_a_vsphere_stemcell(stemcell):
    manifest = yaml.safe_load((stemcell / "stemcell.MF").read_text())
    assert (manifest["name"], manifest["operating_system"]) == ("meristem-vsphere-esxi-debian-12", "debian-12")
    assert manifest["stemcell_formats"] == ["vsphere-ova", "vsphere-ovf"]
    assert manifest["sha1"] == hashlib.sha1((stemcell / "image").read_bytes()).hexdigest()
    image = stemcell / "image.d"
    with tarfile.open(stemcell / "image") as packed:
        assert packed.getnames() == ["image.ovf", "image.mf", "image-disk1.vmdk"]
    digests = dict(line.split("= ") for line in (image / "image.mf").read_text().splitlines())
    assert digests == {
        f"SHA256({name})": hashlib.sha256((image / name).read_bytes()).hexdigest()
        for name in ("image.ovf", "image-disk1.vmdk")
    }
    descriptor = ElementTree.parse(image / "image.ovf")
    file, disk = descriptor.find(f".//{OVF}File"), descriptor.find(f".//{OVF}Disk")
    assert int(file.get(f"{OVF}size")) == (image / "image-disk1.vmdk").stat().st_size
    told = json.loads(_output("qemu-img", "info", "--output=json", image / "image-disk1.vmdk"))
    assert told["format-specific"]["data"]["create-type"] == "streamOptimized"
    assert told["virtual-size"] == int(disk.get(f"{OVF}capacity")) * MIB


def test_it_boots_with_vspheres_devices_and_reads_its_settings_from_the_cd(stemcell, tmp_path):
    disk, more, cd, console = (tmp_path / name for name in ("disk.raw", "more.raw", "env.iso", "console"))
    # vCenter, too, makes a disk of its own of the streamed one; it cannot be written to
    _output("qemu-img", "convert", "-O", "raw", stemcell / "image.d/image-disk1.vmdk", disk)
    with more.open("wb") as file:
        file.truncate(256 * MIB)
    cd.write_bytes(iso.image("env", json.dumps(_settings(tmp_path)).encode()))
    command = [
        "qemu-system-x86_64", "-machine", "pc", "-m", "384", "-nodefaults", "-display", "none", "-no-reboot",
        "-serial", f"file:{console}", "-device", "pvscsi,id=scsi0",
        "-drive", f"if=none,id=d0,format=raw,file={disk}", "-device", "scsi-hd,bus=scsi0.0,scsi-id=0,drive=d0,bootindex=1",
        "-drive", f"if=none,id=d1,format=raw,file={more}", "-device", "scsi-hd,bus=scsi0.0,scsi-id=1,drive=d1",
        "-drive", f"if=ide,media=cdrom,format=raw,readonly=on,file={cd}",
        "-netdev", "hubport,id=n0,hubid=0", "-device", f"vmxnet3,netdev=n0,mac={MAC}",
        "-device", "vmcoreinfo",
    ]  # fmt: skip
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 300
        while BOOTED not in (told := console.read_text(errors="replace") if console.exists() else ""):
            assert machine.poll() is None, f"the machine ended: {told[-3000:]}"
            assert time.monotonic() < until, f"not booted: {told[-3000:]}"
            time.sleep(0.5)
    finally:
        machine.kill()
        machine.wait()
    # the root's journal is played back first: the machine was cut off
    root = tmp_path / "root"
    with disk.open("rb") as whole, root.open("wb") as part:
        whole.seek(8 * MIB)
        while piece := whole.read(16 * MIB):
            part.write(piece)
    subprocess.run(["e2fsck", "-fy", root], capture_output=True, check=False)
    assert json.loads(_output("debugfs", "-R", "cat /var/vcap/bosh/settings.json", root))["agent_id"] == "agent-ova"
    assert "settings of agent agent-ova come from CD-ROM file env" in told
    assert re.search(r"formatting /dev/disk/by-path/pci-\S+-scsi-0:0:1:0 with ext4", told), (
        "the ephemeral disk is of unit 1"
    )


def _settings(folder: Path) -> dict[str, object]:
    """As the vSphere CPI writes them."""
    network = {
        "type": "manual", "ip": "10.9.0.7", "netmask": "255.255.255.0", "gateway": "10.9.0.1", "dns": [],
        "default": ["dns", "gateway"], "mac": MAC, "cloud_properties": {"name": "vms"},
    }  # fmt: skip
    return {
        "agent_id": "agent-ova", "vm": {"name": "vm-ova", "id": "vm-ova"}, "mbus": "nats://10.77.0.1:4222", "ntp": [],
        "blobstore": {}, "disks": {"system": "0", "ephemeral": "1", "persistent": {}}, "networks": {"default": network},
        "env": {"bosh": bus_env(folder / "bus")},
    }  # fmt: skip


def _output(*words: object) -> str:
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout
