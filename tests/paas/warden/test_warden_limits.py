"""Containers against the real kernel: what runs in one, what it may use, and what happens when it wants more."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from paas.containers.client import Container, ContainerError
from paas.containers.protocol import Create, Exit, Limits

from tests.paas.warden.warden_process import WardenProcess

pytestmark = pytest.mark.lab

LIMITS = Limits(memory_mb=64, disk_mb=32, pids=40)
PYTHON = "/usr/bin/python3"


async def make(warden: WardenProcess, limits: Limits = LIMITS) -> Container:
    handle = f"t{uuid4().hex[:10]}"
    return await warden.client.create(Create(handle=handle, rootfs="/", limits=limits, owner="test"))


async def ended(container: Container, script: str, **env: str) -> tuple[Exit, list[str]]:
    process = await container.script(script, env=env)
    lines = [line.text async for batch in process.output() for line in batch.lines]
    return await asyncio.wait_for(process.wait(), 30), lines


async def test_a_process_has_its_user_its_environment_its_home_and_no_privilege(warden: WardenProcess) -> None:
    box = await make(warden)
    exit_, lines = await ended(
        box,
        'id -un; pwd; echo "$GREETING"; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status',
        GREETING="hi",
    )
    assert exit_.status == 0
    assert lines[:3] == ["vcap", "/home/vcap", "hi"]
    assert [line.split() for line in lines[3:]] == [
        ["CapBnd:" if "Bnd" in line else "CapEff:", "0000000000000000"] for line in lines[3:5]
    ] + [["NoNewPrivs:", "1"], ["Seccomp:", "2"]]


async def test_output_is_told_by_stream_and_a_status_is_kept(warden: WardenProcess) -> None:
    box = await make(warden)
    process = await box.script("echo one; echo two >&2; exit 42")
    assert await asyncio.wait_for(process.wait(), 30) == (await box.info()).processes[0].exit
    lines = [line async for batch in process.output() for line in batch.lines]
    assert sorted((line.text, line.stream) for line in lines) == [("one", "OUT"), ("two", "ERR")]
    exit_ = await process.wait()
    assert (exit_.status, exit_.oom, exit_.description) == (42, False, "exited with status 42")


async def test_a_command_that_is_not_there_is_named(warden: WardenProcess) -> None:
    box = await make(warden)
    with pytest.raises(ContainerError, match="/no/such"):
        await box.run(["/no/such/program"])


async def test_a_memory_hog_is_killed_and_the_reason_named(warden: WardenProcess) -> None:
    box = await make(warden)
    process = await box.run([PYTHON, "-c", "x = bytearray(200 << 20)"])
    exit_ = await asyncio.wait_for(process.wait(), 30)
    assert (exit_.status, exit_.oom) == (137, True)
    assert "out of memory" in exit_.description
    assert (await box.info()).oom_kills == 1


async def test_a_fork_bomb_ends_at_the_limit_and_the_container_can_be_stopped(warden: WardenProcess) -> None:
    box = await make(warden)
    process = await box.run(
        [
            PYTHON,
            "-c",
            "import os, time\nwhile 1:\n try: os.fork()\n except OSError: print('full', flush=True); time.sleep(60)",
        ]
    )
    async for batch in process.output():
        if any("full" in line.text for line in batch.lines):
            break
    assert (await box.info()).pids <= LIMITS.pids
    await box.stop(grace=0.2)
    info = await box.info()
    assert info.state == "running"
    assert info.pids <= 3  # the init, and what it started


async def test_a_full_disk_is_the_containers_own(warden: WardenProcess) -> None:
    box = await make(warden)
    exit_, lines = await ended(
        box, "dd if=/dev/zero of=filler bs=1M count=100 2>&1 | grep -c 'No space left'; stat -c %s filler"
    )
    assert exit_.status == 0
    assert lines[0] == "1"
    assert 30 << 20 <= int(lines[1]) <= 34 << 20
    info = await box.info()
    assert info.disk_enforced
    assert 30 << 20 <= info.disk <= 36 << 20


async def test_a_cpu_hog_gets_its_share(warden: WardenProcess) -> None:
    box = await make(warden, Limits(memory_mb=64, disk_mb=16, pids=40, cpu_cores=0.2))
    code = "import time, os\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\nt = os.times(); print(t.user + t.system)"
    _, lines = await ended(box, f"exec {PYTHON} -c '{code}'")
    assert float(lines[0]) < 1.2  # of 2 s; 0.4 is its share, and the clock is read by a process that may be stalled
    assert (await box.info()).cpu_ns > 10_000_000


async def test_limits_can_be_changed(warden: WardenProcess) -> None:
    box = await make(warden)
    await box.limit(Limits(memory_mb=256, disk_mb=32, pids=60))
    process = await box.run([PYTHON, "-c", "x = bytearray(100 << 20)"])
    assert (await asyncio.wait_for(process.wait(), 30)).status == 0
    assert (await box.info()).limits.memory_mb == 256


async def test_the_machine_is_out_of_reach(warden: WardenProcess) -> None:
    box = await make(warden)
    _, lines = await ended(
        box,
        "unshare -r true 2>&1 | tail -1; mount -t tmpfs t /mnt 2>&1 | tail -1; echo x > /proc/sys/kernel/hostname; "
        "cat /proc/kcore | head -c1 | wc -c; ls /dev | sort | tr '\\n' ' '; kill -9 1; ps -e -o comm= | sort | tr '\\n' ' '",
    )
    text = "\n".join(lines)
    assert "Operation not permitted" in lines[0]
    assert "mount" in lines[1]
    assert "Read-only file system" in text or "Permission denied" in text
    assert "sda" not in text
    assert "vda" not in text
    assert "systemd" not in text
    assert (await box.info()).state == "running"


async def test_an_unknown_container_and_a_bad_wish_are_told(warden: WardenProcess) -> None:
    with pytest.raises(ContainerError, match="no container nowhere") as caught:
        await warden.client.adopt("nowhere")
    assert caught.value.code == "no_such_container"
    with pytest.raises(ContainerError, match="'/no/where' is no path"):
        await warden.client.create(Create(handle="a", rootfs="/no/where", limits=LIMITS))
    with pytest.raises(ContainerError, match=r"handle '\.\./a'"):
        await warden.client.create(Create(handle="../a", rootfs="/", limits=LIMITS))
    await warden.client.destroy("nowhere")
