"""A warden that is killed and comes back: containers, their output, their ends and their rules are as if it had been there."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from uuid import uuid4

import pytest
from paas.containers.client import Container, ContainerError, WardenAwayError
from paas.containers.protocol import Create, Limits

from tests.paas.warden.own_network import INSIDE
from tests.paas.warden.test_warden_network import ask_from, serving
from tests.paas.warden.warden_process import WardenProcess, warden_directory

pytestmark = pytest.mark.lab

LIMITS = Limits(memory_mb=64, disk_mb=16, pids=40)


async def make(warden: WardenProcess) -> Container:
    return await warden.client.create(Create(handle=f"a{uuid4().hex[:10]}", rootfs="/", limits=LIMITS, owner="me"))


async def test_all_goes_on_without_a_warden_and_is_found_again(warden: WardenProcess) -> None:
    box = await serving(warden)
    port = await box.net_in(8080)
    before = await box.info()
    warden.kill()
    assert ask_from([], INSIDE, port) == "hello"
    with pytest.raises(WardenAwayError):
        await box.info()
    await warden.start()
    after = await (await warden.client.adopt(box.handle)).info()
    assert (after.state, after.ports, after.processes) == ("running", before.ports, before.processes)
    assert ask_from([], INSIDE, port) == "hello"
    assert await warden.client.list("me") == []
    assert await warden.client.list() == [box.handle]


async def test_a_wait_and_a_stream_outlive_the_warden(warden: WardenProcess) -> None:
    box = await make(warden)
    await (await box.script("mkfifo gate")).wait()
    process = await box.script("read line < gate; echo 1; read line < gate; echo 2; exit 7")
    waiting = asyncio.create_task(process.wait())
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def follow() -> None:
        async for batch in process.output():
            for line in batch.lines:
                seen.put_nowait(line.text)

    following = asyncio.create_task(follow())
    await (await box.script("echo > gate")).wait()
    assert await asyncio.wait_for(seen.get(), 30) == "1"
    warden.kill()
    await warden.start()
    await (await box.script("echo > gate")).wait()
    assert await asyncio.wait_for(seen.get(), 30) == "2"
    assert (await asyncio.wait_for(waiting, 30)).status == 7
    await asyncio.wait_for(following, 30)
    assert seen.empty()


async def test_an_end_in_the_wardens_absence_is_known_afterwards(warden: WardenProcess) -> None:
    box = await make(warden)
    one, two = (
        await box.script("exec sleep 100"),
        await box.run(["/usr/bin/python3", "-c", "import time; time.sleep(100)"]),
    )
    pids = {process.process: process.pid for process in (await box.info()).processes}
    warden.kill()
    os.kill(pids[one.name], signal.SIGTERM)
    await warden.start()
    exit_ = await asyncio.wait_for(one.wait(), 30)
    assert (exit_.status, exit_.description) == (143, "ended by SIGTERM (status 143)")
    assert [known.exit for known in (await box.info()).processes if known.process == two.name] == [None]


async def test_what_was_half_made_or_half_removed_is_removed(warden: WardenProcess) -> None:
    box = await make(warden)
    asked = asyncio.create_task(make(warden))
    while len(await warden.client.list()) < 2:
        await asyncio.sleep(0)
    warden.kill()
    with pytest.raises(WardenAwayError):
        await asked
    await warden.start()
    assert await warden.client.list() == [box.handle]
    await box.destroy()
    assert not any(warden.inventory().values()), warden.inventory()


async def test_nothing_is_left_of_a_destroyed_container(warden: WardenProcess) -> None:
    boxes = await asyncio.gather(*(serving(warden) for _ in range(3)))
    await asyncio.gather(*(box.net_in(8080) for box in boxes))
    there = warden.inventory()
    assert [
        len(there[kind]) for kind in ("containers", "runtime", "mounts", "loops", "links", "chains", "watchers")
    ] == [
        3,
        3,
        6,
        3,
        3,
        3,
        3,
    ]
    await asyncio.gather(*(box.destroy() for box in boxes))
    assert not any(warden.inventory().values()), warden.inventory()
    with pytest.raises(ContainerError, match="no container"):
        await boxes[0].info()


async def test_a_container_whose_init_was_killed_is_stopped_and_its_processes_have_ended(warden: WardenProcess) -> None:
    box = await make(warden)
    process = await box.script("exec sleep 100")
    os.kill(int((warden.directory / "data/containers" / box.handle / "init.pid").read_text()), signal.SIGKILL)
    assert (await asyncio.wait_for(process.wait(), 30)).status == 137
    with pytest.raises(ContainerError, match="stopped, nothing can run"):
        for _ in range(200):
            await box.script("true")
    assert (await box.info()).state == "stopped"


async def test_after_a_start_of_the_machine_what_ran_before_it_is_removed(warden: WardenProcess) -> None:
    box = await make(warden)
    warden.kill()
    record = warden.directory / "data/containers" / box.handle / "record.json"
    record.write_text(re.sub('"boot":"[^"]*"', '"boot":"another"', record.read_text()))
    await warden.start()
    assert not any(warden.inventory().values()), warden.inventory()


async def test_without_loop_devices_a_container_runs_and_says_that_its_disk_has_no_limit(
    warden: WardenProcess,
) -> None:
    with warden_directory() as directory:
        other = WardenProcess(directory, {"disk": "directory", "link_prefix": "we", "pool": "10.253.0.0/24"})
        try:
            await other.start()
            assert "disk_limits_not_enforced" in other.log.read_text()
            box = await make(other)
            process = await box.script("head -c 20000000 /dev/zero > big")
            assert (await asyncio.wait_for(process.wait(), 30)).status == 0
            info = await box.info()
            assert not info.disk_enforced
            assert info.disk >= 20_000_000
        finally:
            other.remove()
