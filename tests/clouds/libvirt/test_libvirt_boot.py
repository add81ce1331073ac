"""The bootable stemcell of this tree on machines of the libvirt CPI: processors are emulated where KVM is not usable."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cpi.contract import CloudError
from stemcells.build import build
from tests.clouds.libvirt.authority import bus_env

MEMORY = 320


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The image out of the stemcell, as a director hands it to the CPI."""
    folder = tmp_path_factory.mktemp("stemcell")
    build("debian-12", folder / "machine.tgz", machine=True, say=print)
    subprocess.run(["tar", "-xzf", folder / "machine.tgz", "-C", folder, "image"], check=True)
    return folder / "image"


@pytest.fixture
async def machine(call, built, world):
    """Makes booted machines, one after the other; nothing of them is left afterwards."""
    stemcell = await call("create_stemcell", str(built), {"disk_format": "qcow2"}, key="stemcell-real")
    made: list[str] = []

    async def make(key, last, properties, env=None):
        arguments = [f"agent-{key}", stemcell, {"memory": MEMORY, **properties}, world.networks(last), [], env or {}]
        cid, _ = await call("create_vm", *arguments, key=key)
        made.append(cid)
        print(f"{key}: booted in {world.booted(cid):.0f} s")
        return cid

    yield make
    for cid in made:
        await call("delete_vm", cid)
    for name in world.volumes():
        if "-disk-" in name:
            await call("delete_disk", name.rpartition(".")[0])
    await call("delete_stemcell", stemcell)
    assert world.leftovers() == []


async def test_a_machine_boots_with_its_settings_and_lives_with_its_disks(machine, call, world, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    env = {"bosh": {"authorized_keys": [key.with_suffix(".pub").read_text().strip()], **bus_env(tmp_path / "bus")}}
    cid = await machine("vm-real", 21, {"root_disk": 3500, "ephemeral_disk": 200}, env)
    # the agent: its settings, its network, its ephemeral disk, its people
    assert json.loads(world.run(cid, "cat /var/vcap/bosh/settings.json"))["agent_id"] == "agent-vm-real"
    assert world.run(cid, "hostname") == "agent-vm-real"
    assert "10.77.0.21/24" in world.run(cid, "ip -4 addr show eth0")
    assert world.run(cid, "findmnt -n -o SOURCE /var/vcap/data") == "/dev/vdb"
    assert int(world.run(cid, "df --output=size -m / | tail -1")) > 3200
    login = ["ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
             "-o", "LogLevel=ERROR", "vcap@10.77.0.21", "id -un && sudo -n id -un"]  # fmt: skip
    assert world.lab.exec(login, timeout=60).stdout.split() == ["vcap", "root"]
    assert world.run(cid, "systemctl --failed --no-legend --plain") == ""
    # what the cloud says of it
    before = (await call("vm_status", [cid], 20000))[cid]
    assert (before["power"], before["addresses"]) == ("on", ["10.77.0.21"])
    assert "meristem-agent: INFO agent agent-vm-real is booted" in before["console"]
    # a disk: live, found by its serial, whole in a snapshot, growing while it is mounted, kept over a restart
    disk = await call("create_disk", 64, {}, cid, key="disk-real")
    hint = await call("attach_disk", cid, disk)
    node = f"$(readlink -f /dev/disk/by-id/*{hint['id']})"
    script = f"for n in $(seq 50); do [ -e /dev/disk/by-id/*{hint['id']} ] && break; sleep 0.2; done; readlink -f /dev/disk/by-id/*{hint['id']}"
    assert world.run(cid, script) == "/dev/sda"
    world.run(
        cid, f"mkfs.ext4 -q {node} && mount {node} /mnt && echo first > /mnt/file"
    )  # not synced: the snapshot must see to it
    with pytest.raises(CloudError, match=f"is mounted at /mnt in VM '{cid}'; unmount it there first"):
        await call("detach_disk", cid, disk)
    snapshot = await call("snapshot_disk", disk, {"deployment": "d"}, key="snapshot-real")
    world.run(cid, "echo second > /mnt/file && sync")  # the file system is thawed
    copy = tmp_path / "copy.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", world.pool / f"{snapshot}.qcow2", copy], check=True)
    assert subprocess.run(["debugfs", "-R", "cat /file", copy], capture_output=True, text=True).stdout == "first\n"
    assert subprocess.run(["e2fsck", "-fn", copy], capture_output=True).returncode in (0, 4)
    await call("delete_snapshot", snapshot)
    await call("resize_disk", disk, 96)
    assert world.run(cid, f"blockdev --getsize64 {node}") == str(96 << 20)
    world.run(cid, "resize2fs $(findmnt -n -o SOURCE /mnt) && umount /mnt")
    await call("detach_disk", cid, disk)
    assert world.run(cid, "ls /dev/sda", check=False) == ""
    await call("attach_disk", cid, disk)
    lines: list[str] = []
    await call("reboot_vm", cid, log=lines.append)
    assert not any("power is cut" in line for line in lines), lines
    world.booted(cid)
    assert (await call("vm_status", [cid], 0))[cid]["boot"] != before["boot"]
    assert world.run(cid, f"mount {node} /mnt && cat /mnt/file && umount /mnt") == "second"
    await call("detach_disk", cid, disk)


async def test_a_machine_boots_by_uefi(machine, world, tmp_path):
    cid = await machine("vm-uefi", 22, {"firmware": "uefi"}, {"bosh": bus_env(tmp_path / "bus")})
    assert world.run(cid, "ls -d /sys/firmware/efi") == "/sys/firmware/efi"
    assert "q35" in world.xml(cid)
