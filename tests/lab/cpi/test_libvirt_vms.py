"""VMs of the libvirt CPI on a real libvirtd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from cpi.bridge import ExecutableClient
from cpi.client import WorkerClient
from cpi.contract import CloudError, CpiError, NetworkNotFound, NotSupported, StemcellNotFound, VMNotFound, WorkerDied
from tests.lab.cpi.conftest import ROOT, networks


async def test_a_vm_boots_with_its_settings_limits_and_network(vm, world, call):
    cid = await vm(properties={"memory": 192, "cpus": 1})
    assert cid == f"{world.name}-vm-1"
    assert world.booted(cid) == "running"
    settings = json.loads(world.run(cid, "cat", "/var/vcap/seed/settings.json"))
    mac = "52:54:0a:4d:00:14"
    assert settings == {
        "agent_id": "agent-vm-1",
        "vm": {"name": cid},
        "mbus": "nats://10.77.0.1:4222",
        "ntp": ["10.77.0.1"],
        "blobstore": {"provider": "dav", "options": {"endpoint": "https://10.77.0.1:25250"}},
        "disks": {"system": None, "ephemeral": None, "persistent": {}},
        "networks": {"default": {**networks(20)["default"], "mac": mac}},
        "env": {},
    }
    seed = world.state / "vms" / cid / "seed"
    assert stat.S_IMODE((seed / "settings.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(seed.stat().st_mode) == 0o700
    assert mac in world.run(cid, "ip", "-o", "link", "show", "eth0")
    assert world.run(cid, "findmnt", "-n", "-o", "FSTYPE", "/") == "overlay"
    assert world.run(cid, "findmnt", "-n", "-o", "FSTYPE", "/var/vcap/data") != "overlay"
    for command in ("addr add 10.77.0.20/24 dev eth0", "link set eth0 up"):
        world.run(cid, "ip", *command.split())
    assert "1 received" in world.run(cid, "ping", "-c1", "-W5", world.lab.address)
    limit = next(path for path in world.groups() if "memory" in path.parts and path.name.startswith("lxc-"))
    assert int((limit / "memory.limit_in_bytes").read_text()) == 192 * 1024 * 1024
    # A process that enters from outside is in no group of the container: it has to join.
    hog = "echo $$ > /sys/fs/cgroup/memory/cgroup.procs; exec python3 -c \"b'x' * (SIZE << 20); print('done')\""
    assert world.run(cid, "sh", "-c", hog.replace("SIZE", "20")) == "done"
    assert world.run(cid, "sh", "-c", hog.replace("SIZE", "600"), check=False) == ""
    assert world.run(cid, "echo", "alive") == "alive"


async def test_two_containers_have_their_own_cgroups(vm, world):
    first, second = await vm("vm-1", 21), await vm("vm-2", 22)
    for cid in (first, second):
        assert world.booted(cid) == "running"
        assert "0::/init.scope" in world.run(cid, "cat", "/proc/1/cgroup")
    names = {path.name for path in world.groups() if path.parent.name.startswith("meristem-")}
    assert names == {first, second}


async def test_the_same_key_makes_one_vm(vm, world, call, stemcell):
    first = await vm("vm-same", 23)
    init = world.init_of(first)
    assert await vm("vm-same", 23) == first
    assert world.init_of(first) == init
    assert await call("find", "vm", "vm-same") == first
    assert await call("find", "vm", "vm-other") is None
    assert await call("find_all", "vm", ["vm-other", "vm-same"]) == {"vm-same": first}
    with pytest.raises(CloudError, match="exists for agent agent-vm-same"):
        await call("create_vm", "someone-else", stemcell, {}, networks(23), [], {}, key="vm-same")


async def test_deletes_are_quiet_and_questions_answered(vm, world, call):
    cid = await vm("vm-gone", 24)
    assert await call("has_vm", cid) is True
    await call("delete_vm", cid)
    assert await call("has_vm", cid) is False
    await call("delete_vm", cid)
    await call("delete_vm", "never-was")
    for method, arguments in (
        ("reboot_vm", [cid]), ("set_vm_metadata", [cid, {}]), ("get_disks", [cid]), ("attach_disk", [cid, "disk-x"]),
        ("detach_disk", [cid, "disk-x"]),
    ):  # fmt: skip
        with pytest.raises(VMNotFound, match=cid):
            await call(method, *arguments)
    for cid in ("../../etc", "a/b", ".hidden"):
        with pytest.raises(CloudError, match="is not a vm CID"):
            await call("delete_vm", cid)
    assert world.leftovers() == {}


async def test_reboot_restarts_and_starts(vm, world, call):
    cid = await vm("vm-boot", 25)
    world.booted(cid)
    before = world.init_of(cid)
    world.run(cid, "touch", "/run/marker", "/root/kept")
    await call("reboot_vm", cid)
    assert world.booted(cid) == "running"
    assert world.init_of(cid) != before
    assert world.run(cid, "ls", "/run/marker", check=False) == ""
    assert world.run(cid, "ls", "/root/kept") == "/root/kept"
    world.virsh("destroy", cid)
    assert await call("has_vm", cid) is True
    await call("reboot_vm", cid)
    assert world.booted(cid) == "running"


async def test_metadata_stands_in_the_domain(vm, world, call):
    cid = await vm("vm-meta", 26)
    await call("set_vm_metadata", cid, {"deployment": "d & <e>", "job": "web", "index": 3})
    xml = world.virsh("metadata", cid, "urn:meristem:libvirt:1")
    assert 'key="vm-meta"' in xml
    assert "d &amp; &lt;e&gt;" in xml
    await call("set_vm_metadata", cid, {"job": "db"})
    xml = world.virsh("metadata", cid, "urn:meristem:libvirt:1")
    assert "deployment" not in xml
    assert "db" in xml


async def test_a_failed_creation_leaves_nothing(world, call, stemcell):
    with pytest.raises(StemcellNotFound):
        await call("create_vm", "a", "no-stemcell", {}, networks(27), [], {}, key="vm-fail")
    network = networks(27, cloud_properties={"name": "no-such-network"})
    with pytest.raises(CpiError, match="no-such-network") as error:
        await call("create_vm", "a", stemcell, {}, network, [], {}, key="vm-fail")
    assert error.value.ok_to_retry is True
    with pytest.raises(CloudError, match="'memory' must be a whole number"):
        await call("create_vm", "a", stemcell, {"memory": "much"}, networks(27), [], {}, key="vm-fail")
    with pytest.raises(NotSupported, match="recreate it"):
        await call("configure_networks", "vm", networks(27))
    assert NetworkNotFound.type_name  # the type exists for create_network of later versions
    assert await call("find", "vm", "vm-fail") is None
    assert world.leftovers() == {}


async def test_processes_of_an_earlier_life_are_ended_first(vm, world, call, stemcell):
    cid = f"{world.name}-vm-stale"
    group = Path("/sys/fs/cgroup/pids") / world.lab.record.cgroup / f"meristem-{world.name}" / cid
    group.mkdir(parents=True)
    stale = subprocess.Popen(["sleep", "1000"])
    (group / "cgroup.procs").write_text(str(stale.pid))
    await vm("vm-stale", 28)
    assert stale.wait(timeout=60) == -9
    assert world.booted(cid) == "running"


@pytest.mark.parametrize("delay", [0.005, 0.03, 0.06, 0.1, 0.14, 0.18, 0.25])
async def test_a_worker_killed_while_it_creates(delay, vm, world, stemcell, tmp_path):
    client = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "killed.lock")
    await client.start()
    context = {**world.context, "key": "vm-killed"}
    arguments = ["agent-vm-killed", stemcell, {"memory": 256}, networks(29), [], {}]
    creating = asyncio.create_task(client.call("create_vm", arguments, context))
    await asyncio.sleep(delay)
    if client.pid is not None and not creating.done():
        os.kill(client.pid, 9)
    with contextlib.suppress(WorkerDied):
        await creating
    try:
        found = await client.call("find", ["vm", "vm-killed"], world.context)
    except WorkerDied:  # the answer had just come when the worker was killed: it was asked while it died
        found = await client.call("find", ["vm", "vm-killed"], world.context)
    if found is None:
        assert world.leftovers() == {}
    cid = await vm("vm-killed", 29)
    assert found in (None, cid)
    assert world.booted(cid) == "running"
    assert world.virsh("list", "--all", "--name").split() == [cid]
    await client.close()


async def test_many_at_once(vm, world):
    began = time.monotonic()
    cids = await asyncio.gather(*(vm(f"vm-many-{number}", 40 + number) for number in range(4)))
    took = time.monotonic() - began
    assert len(set(cids)) == 4
    assert {world.booted(cid) for cid in cids} == {"running"}
    assert took < 20


async def test_loop_devices_made_inside_are_freed(vm, world, call):
    cid = await vm("vm-loops", 30)
    world.booted(cid)
    for folder in ("/var/vcap/data", "/root"):
        world.run(cid, "truncate", "-s", "8M", f"{folder}/inner-{world.name}.img")
        world.run(cid, "losetup", "-f", f"{folder}/inner-{world.name}.img")
    assert len(world.loops()) == 2
    await call("delete_vm", cid)
    assert world.loops() == []


async def test_stemcells_are_shared_guarded_and_removed(world, call, image, vm, tmp_path):
    first = await call("create_stemcell", str(image), {"name": "other"}, key="sc-a")
    again = await call("create_stemcell", str(image), {"name": "other"}, key="sc-b")
    assert first == again
    assert await call("find", "stemcell", "sc-a") == first
    assert await call("find", "stemcell", "sc-b") == first
    cid, _ = await call("create_vm", "a", first, {"memory": 128}, networks(31), [], {}, key="vm-on-other")
    with pytest.raises(CloudError, match=f"is the root of {cid}"):
        await call("delete_stemcell", first)
    await call("delete_vm", cid)
    await call("delete_stemcell", first)
    await call("delete_stemcell", first)
    assert await call("find", "stemcell", "sc-a") is None
    bad = tmp_path / "bad.tgz"
    bad.write_bytes(b"this is no archive")
    with pytest.raises(CloudError, match="cannot be unpacked"):
        await call("create_stemcell", str(bad), {})
    with pytest.raises(CloudError, match="No such file"):
        await call("create_stemcell", str(tmp_path / "none"), {})
    empty = tmp_path / "empty.tar"
    subprocess.run(["tar", "-cf", empty, "-C", tmp_path, "bad.tgz"], check=True)
    with pytest.raises(CloudError, match="is no root tree"):
        await call("create_stemcell", str(empty), {})
    assert len(list((world.state / "stemcells").iterdir())) <= 1


async def test_the_plugin_serves_as_a_one_shot_executable(world, vm, lab_python, tmp_path, stemcell):
    config = tmp_path / "cpi.json"
    own = {key: value for key, value in world.context.items() if key not in ("director_uuid", "request_id", "agent")}
    properties = {"libvirt": own, "agent": world.context["agent"]}
    config.write_text(json.dumps({"cloud": {"plugin": "libvirt", "properties": properties}}))
    program = tmp_path / "cpi"
    program.write_text(f"#!/bin/sh\ncd {ROOT}\nexec {' '.join(lab_python)} -m cpi.exec libvirt --config {config}\n")
    program.chmod(0o755)
    client = ExecutableClient(program)
    info = await client.call("info")
    assert info["stemcell_formats"] == ["libvirt-rootfs"]
    made = await client.call("create_vm", ["agent", stemcell, {"memory": 128}, networks(32), [], {}], {}, api_version=2)
    cid, settled = made
    assert settled["default"]["mac"] == "52:54:0a:4d:00:20"
    assert world.booted(cid) == "running"
    assert await client.call("has_vm", [cid], {}, api_version=2) is True
    await client.call("delete_vm", [cid], {}, api_version=2)
    assert await client.call("has_vm", [cid], {}, api_version=2) is False
    assert world.leftovers() == {}


async def test_a_warm_call_costs_a_small_part_of_a_process(vm, world, call, lab_python):
    """Over what it takes inside the plugin; both measured in turn, so that a machine that is slow is slow for both."""
    cid = await vm("vm-fast", 33)
    warm: list[float] = []
    cold: list[float] = []
    for _ in range(15):
        lines: list[str] = []
        began = time.perf_counter()
        await call("has_vm", cid, log=lines.append)
        wall = (time.perf_counter() - began) * 1000
        inside = float(lines[-1].rpartition("(")[2].split()[0])
        warm.append(wall - inside)
        began = time.perf_counter()
        subprocess.run([*lab_python, "-c", "import cpi.libvirt.plugin"], cwd=ROOT, check=True)
        cold.append((time.perf_counter() - began) * 1000)
    assert statistics.median(warm) < statistics.median(cold) / 5, (warm, cold)


async def test_how_far_a_vm_has_come(vm, world, call):
    first, second = await vm("vm-way", 41), await vm("vm-way-2", 42)
    for cid in (first, second):
        world.booted(cid)
    for command in ("addr add 10.77.0.41/24 dev eth0", "link set eth0 up"):
        world.run(first, "ip", *command.split())
    world.run(second, "systemctl", "poweroff", "--force", "--force", check=False)
    until = time.monotonic() + 120
    while True:
        # again and again: who opens the console for a login hangs up on what was just written
        lines = "for n in $(seq 100); do echo line $n > /dev/console; done; echo a word on the console > /dev/console"
        world.run(first, "sh", "-c", lines, check=False)
        found = await call("vm_status", [first, second, "m-vm-other"], 4000)
        if found[second]["power"] == "off" and "a word on the console" in found[first]["console"]:
            break
        assert time.monotonic() < until, [(one["power"], one["console"][-80:]) for one in found.values()]
        await asyncio.sleep(1)
        if found[second]["power"] == "on":
            with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError, IndexError):
                world.run(second, "systemctl", "poweroff", "--force", "--force", check=False)
    assert (found[first]["power"], found[first]["addresses"]) == ("on", ["10.77.0.41"])
    assert found[first]["boot"] == world.virsh("domid", first)
    assert (found[second]["exists"], found[second]["addresses"]) == (True, [])
    assert found["m-vm-other"]["exists"] is False
    await call("reboot_vm", second)
    world.booted(second)
    again = (await call("vm_status", [second], 4000))[second]
    assert again["power"] == "on"
    assert again["boot"] != found[second]["boot"]
    assert again["console"], "the console of a VM that was started again is kept too"
