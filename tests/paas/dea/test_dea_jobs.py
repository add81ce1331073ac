"""The jobs nats, stack, warden and dea as the release has them: rendered, started and drained by their scripts, with TLS and the bus's rights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from paas.bus.client import Bus, BusConfig
from paas.messages.dea import Limits, Start
from paas.warden.cgroup import TREES, Cgroup, unified

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from tests.paas.dea.application import make_droplet
from tests.paas.dea.dea_process import Ear
from tests.paas.services.component import SOURCES
from tests.paas.services.job_tree import JobTree
from tests.paas.warden.own_network import network_of
from tests.programs import need

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

RUNC = {
    "bin/runc": "runc",
    "bin/conmon": "conmon",
    "usr/bin/tini-static": "tini-static",
    "bin/iptables": "iptables",
    "bin/iptables-save": "iptables-save",
    "bin/iptables-restore": "iptables-restore",
}


@pytest.fixture
def cgroup() -> Iterator[str]:
    """A control group for this test's containers, that goes with them."""
    name = f"warden-{uuid4().hex[:8]}"
    yield name
    Cgroup(name).remove()


@pytest.fixture
async def tree(tmp_path: Path, cgroup: str) -> AsyncIterator[JobTree]:
    need("nats-server", "curl", *RUNC.values())
    one = JobTree(tmp_path, Path("/usr/bin"))
    try:
        for place, program in RUNC.items():
            found = shutil.which(program)
            assert found
            link = one.package("runc") / place
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(found)
        yield one
    finally:
        one.close()


async def add_all(tree: JobTree, cgroup: str) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    server = certificate(Options("leaf", {"common_name": "bus", "alternative_names": ["127.0.0.1"]}), authority)
    (tree.top / "ca.pem").write_text(authority["certificate"])
    await tree.add(
        "nats",
        {
            "users": {name: {"password": f"{name}-word"} for name in ("dea", "cloud_controller", "health_manager")},
            "tls.ca": authority["certificate"],
            "tls.certificate": server["certificate"],
            "tls.private_key": server["private_key"],
        },
    )
    await tree.add("warden", {"cgroup": cgroup})
    await tree.add("dea", {"stacks": {"tiny": "/"}, "memory_mb": 256, "evacuation_timeout": 1, "unroute_seconds": 0.1})


@contextmanager
def droplets(directory: Path) -> Iterator[tuple[str, str]]:
    """A droplet's digest and address, in the network of the caller."""
    digest = make_droplet(directory)
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(directory), "8099"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield digest, f"http://127.0.0.1:8099/{digest}"
    finally:
        server.kill()
        server.wait()


async def user(tree: JobTree, name: str) -> Bus:
    ca = str(tree.top / "ca.pem")
    return await Bus.connect(
        BusConfig(servers=["tls://127.0.0.1:4222"], user=name, password=f"{name}-word", ca=ca), name
    )


async def test_an_app_runs_outlives_restarts_and_ends_with_the_drain(
    tree: JobTree, cgroup: str, tmp_path: Path
) -> None:
    await add_all(tree, cgroup)
    tree.start()
    with network_of(int(tree._pid)), droplets(tmp_path) as (digest, url):
        controller, manager = await user(tree, "cloud_controller"), await user(tree, "health_manager")
        ear = Ear()
        await ear.hear_health(manager)
        start = Start(
            droplet="app",
            version="v",
            index=0,
            name="app",
            uris=["app.test"],
            sha1=digest,
            executable_uri=url,
            limits=Limits(mem=96, disk=64),
        )
        await controller.publish("dea.dea-0.start", start)
        instance = await ear.state("app", "RUNNING")
        for job in ("dea", "warden"):
            tree.script(job, "ctl", "stop")
        for job in ("warden", "dea"):
            tree.script(job, "ctl", "start")
            tree.script(job, "post-start")
        ear.beats.all.clear()
        assert await ear.state("app", "RUNNING") == instance
        assert json.loads(tree.script("warden", "inventory"))["containers"] == [instance]
        for _ in range(20):
            if (answer := tree.script("dea", "drain").splitlines()[-1]) == "0":
                break
            assert answer == "-1"
        assert (await ear.exits.one(lambda one: one.droplet == "app")).reason == "DEA_EVACUATION"
        assert not any(json.loads(tree.script("warden", "inventory")).values())
        assert "violation" not in tree.logs().lower()
        for bus in (controller, manager):
            await bus.close()
    tree.stop()
    tree.script("warden", "inventory", "--clear")


async def test_a_machine_that_goes_down_ends_its_containers(tree: JobTree, cgroup: str, tmp_path: Path) -> None:
    await add_all(tree, cgroup)
    tree.start()
    script = "import asyncio, sys\nfrom paas.containers.client import WardenClient\nfrom paas.containers.protocol import Create, Limits\n"
    script += (
        "limits = Limits(memory_mb=32, disk_mb=8)\nclient = WardenClient('/var/vcap/sys/run/warden/warden.sock')\n"
    )
    script += "asyncio.run(client.create(Create(handle='one', rootfs='/', limits=limits)))"
    (tmp_path / "vcap/make.py").write_text(script)
    tree.run("env", f"PYTHONPATH={SOURCES}", sys.executable, "/var/vcap/make.py")
    tree.script("warden", "ctl", "stop")
    group = (TREES if unified() else TREES / "pids") / cgroup
    assert [pid for file in group.glob("*/cgroup.procs") for pid in file.read_text().split()]
    tree.script("warden", "end-containers")
    assert not [pid for file in group.glob("*/cgroup.procs") for pid in file.read_text().split()]
    tree.stop()
    tree.script("warden", "inventory", "--clear")


async def test_a_stack_is_unpacked_once_and_an_old_one_goes(tree: JobTree, tmp_path: Path) -> None:
    packages = tmp_path / "vcap/data/packages/stack"
    for version in ("one", "two"):
        (packages / version).mkdir(parents=True)
        with tarfile.open(packages / version / "stack.tgz", "w:gz") as archive:
            (tmp_path / "word").write_text(version)
            archive.add(tmp_path / "word", "./etc/word")
        link = tmp_path / "vcap/packages/stack"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/var/vcap/data/packages/stack/{version}")
        await tree.add("stack", {"name": "tiny"})
        assert tree.run("cat", "/var/vcap/data/stack/tiny/etc/word") == version
        before = tree.run("stat", "-c", "%i", "/var/vcap/data/stack/tiny/etc/word")
        tree.script("stack", "pre-start")
        assert tree.run("stat", "-c", "%i", "/var/vcap/data/stack/tiny/etc/word") == before
    assert tree.run("ls", "/var/vcap/data/stack") == "tiny\ntiny-two"
