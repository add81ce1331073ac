"""SIGKILL to the real agent while it formats, mounts and migrates real (loop) devices, in a mount namespace of its own."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from agent_bus import Authority, Director, NatsServer
from agent_process import CLEAN, INTERPRETER, AgentProcess

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

SIZE = 192 << 20


class DiskVm(AgentProcess):
    """An agent on platform linux; what it mounts is seen by nobody else and outlives it."""

    def __init__(self, folder: Path, zipapp: Path, server: NatsServer, authority: Authority) -> None:
        super().__init__(folder, zipapp, server, authority)
        script = ["unshare", "-m", "--propagation", "private", "sh", "-c", "echo; exec sleep 600"]
        self._namespace = subprocess.Popen(script, stdout=subprocess.PIPE)
        assert self._namespace.stdout is not None
        self._namespace.stdout.readline()  # before that, whoever enters it is in the machine's own
        self._loops: list[str] = []

    def _inside(self, *words: str) -> list[str]:
        return ["nsenter", "-t", str(self._namespace.pid), "-m", *words]

    def start(self) -> None:
        program = [INTERPRETER, str(self._zipapp), "run", "--base", str(self.base), "--supervisor", "none"]
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(self._inside(*program), stdout=log, stderr=log, env=CLEAN)

    def shell(self, text: str) -> str:
        done = subprocess.run(self._inside("sh", "-c", text), capture_output=True, text=True, check=True)
        return done.stdout

    def device(self) -> str:
        image = self.base.parent / f"disk-{len(self._loops)}"
        image.touch()
        os.truncate(image, SIZE)
        made = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"no loop device: {made.stderr.strip()}")
        self._loops.append(made.stdout.strip())
        return self._loops[-1]

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._namespace.send_signal(signal.SIGKILL)
        self._namespace.wait()
        for loop in self._loops:
            subprocess.run(["losetup", "-d", loop], check=True)


@pytest.fixture
def vm(tmp_path: Path, zipapp: Path, server: NatsServer, authority: Authority) -> Iterator[DiskVm]:
    made = DiskVm(tmp_path, zipapp, server, authority)
    server.allow_agent(made.id, made.name)
    yield made
    made.clean_up()


@pytest.fixture
async def director(server: NatsServer, authority: Authority, vm: DiskVm) -> AsyncIterator[Director]:
    made = Director(server, authority, vm.id)
    await made.connect()
    yield made
    await made.close()


async def done(vm: DiskVm, director: Director, method: str, *arguments: object) -> None:
    task = (await director.ask(method, *arguments))["agent_task_id"]
    assert await director.end_of(task) == {"value": {}}


async def done_through_crashes(vm: DiskVm, director: Director, chance: random.Random, method: str, cid: str) -> None:
    """The action's task ends well although its agent is killed three times while it works."""
    task = (await director.ask(method, cid, key=f"{method}-{cid}"))["agent_task_id"]
    for _ in range(3):
        await asyncio.sleep(chance.uniform(0, 0.15))
        vm.kill()
        vm.start()
        await director.until_pong()
    assert await director.end_of(task) == {"value": {}}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_disks_survive_the_agent(vm: DiskVm, director: Director, seed: int) -> None:
    chance = random.Random(seed)
    vm.start()
    await director.until_pong()
    old = vm.device()
    await done(vm, director, "add_persistent_disk", "old", old)
    await done_through_crashes(vm, director, chance, "mount_disk", "old")
    store = vm.base / "store"
    vm.shell(f"seq 200000 >{store}/precious; cp {store}/precious {store}/again; sync {store}/precious")
    wanted = vm.shell(f"cksum <{store}/precious")
    new = vm.device()
    await done(vm, director, "add_persistent_disk", "new", {"path": new})
    await done_through_crashes(vm, director, chance, "mount_disk", "new")
    await done_through_crashes(vm, director, chance, "migrate_disk", "new")
    assert vm.shell(f"findmnt -n -o SOURCE {store}").strip() == new
    assert vm.shell(f"cksum <{store}/precious; cksum <{store}/again") == wanted * 2
    assert (await director.end_of((await director.ask("list_disk"))["agent_task_id"]))["value"] == ["new"]
    vm.kill()
    vm.shell(f"umount {store}")
    assert subprocess.run(["e2fsck", "-f", "-n", new], capture_output=True, check=False).returncode == 0
    # As after a restart of the VM: nothing is mounted, the agent mounts it again.
    vm.start()
    await director.until_pong()
    assert vm.shell(f"findmnt -n -o SOURCE {store}").strip() == new
