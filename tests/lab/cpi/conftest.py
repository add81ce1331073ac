"""A lab of its own for these tests: libvirtd, a network, a worker inside, a small root tree as stemcell."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cpi.client import WorkerClient
from lab import up

CACHE = Path(os.environ.get("MERISTEM_CACHE", "/var/cache/meristem"))
RUNS = Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem"))
ROOT = Path(__file__).resolve().parents[3]
PACKAGES = "systemd,systemd-sysv,iproute2,iputils-ping,python3-minimal,procps,e2fsprogs,fdisk"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.timeout(240))


class World:
    """The lab, and what a test asks of it from outside the CPI."""

    def __init__(self, lab, folder: Path, name: str) -> None:
        self.lab = lab
        self.folder = folder
        self.name = name
        self.state = folder / "cpi"
        self.context = {
            "uri": lab.libvirt_uri,
            "state_dir": str(self.state),
            "network": lab.record.network,
            "name_prefix": name,
            "agent": {"mbus": "nats://10.77.0.1:4222", "ntp": ["10.77.0.1"]},
            "blobstore": {"provider": "dav", "options": {"endpoint": "https://10.77.0.1:25250"}},
            "director_uuid": "uuid",
            "request_id": "cpi-111111",
        }

    def virsh(self, *words: str) -> str:
        done = subprocess.run(
            ["virsh", "-q", "-c", self.lab.libvirt_uri, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def init_of(self, cid: str) -> int:
        number = self.virsh("domid", cid)
        return int(Path(f"/proc/{number}/task/{number}/children").read_text().split()[0])

    def run(self, cid: str, *words: str, check: bool = True) -> str:
        """Run a command inside a VM."""
        command = ["nsenter", "-t", str(self.init_of(cid)), "-m", "-u", "-i", "-n", "-p", "-C", "--wd=/", "env", "-i",
                   "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *words]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"{words} in {cid}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def booted(self, cid: str) -> str:
        """Wait until systemd is up; its state."""
        deadline, state = time.monotonic() + 120, ""
        while time.monotonic() < deadline:
            try:
                state = self.run(cid, "systemctl", "is-system-running", "--wait", check=False)
            except (FileNotFoundError, IndexError, subprocess.CalledProcessError):
                state = ""
            if state in ("running", "degraded"):
                return state
            time.sleep(0.1)
        raise AssertionError(f"{cid} does not boot: {state!r}")

    def loops(self) -> list[str]:
        """Loop devices over files of this run."""
        found: list[str] = []
        for path in Path("/sys/block").glob("loop*/loop/backing_file"):
            with contextlib.suppress(OSError):  # another's, which has just gone
                found += [path.parts[3]] if self.name in path.read_text() else []
        return found

    def groups(self) -> list[Path]:
        """Cgroups of containers of this run, in all hierarchies of the machine."""
        top = self.lab.record.cgroup
        return [
            path
            for root in Path("/sys/fs/cgroup").iterdir()
            for pattern in ("machine/lxc-*", "meristem-*/*")
            for path in (root / top).glob(pattern)
            if path.is_dir()
        ]

    def leftovers(self) -> dict[str, object]:
        """All that VMs and disks of this run may leave behind; empty when nothing is left."""
        mounts = self.lab.exec(["cat", "/proc/self/mounts"]).stdout
        found = {
            "domains": self.virsh("list", "--all", "--name").split(),
            "vms": os.listdir(self.state / "vms") if (self.state / "vms").exists() else [],
            "disks": os.listdir(self.state / "disks") if (self.state / "disks").exists() else [],
            "loops": self.loops(),
            "groups": self.groups(),
            "mounts": [line for line in mounts.splitlines() if str(self.state) in line],
        }
        return {key: value for key, value in found.items() if value}


@pytest.fixture(scope="session")
def image() -> Path:
    """A small root tree, made once."""
    path = CACHE / "cpi-test-rootfs.tar.gz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".new-{path.name}")
        command = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(new)]
        subprocess.run(command, check=True, capture_output=True)
        new.rename(path)
    return path


@pytest.fixture(scope="session")
def world(request):
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    name = f"cpi{secrets.token_hex(3)}"
    folder = RUNS / name
    lab = up(folder / "lab", name)
    made = World(lab, folder, name)
    yield made
    lab.down()
    assert not made.loops()
    shutil.rmtree(folder)


@pytest.fixture
async def client(world, tmp_path):
    made = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "worker.lock")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def call(world, client):
    """`await call(method, *arguments, key=...)` through the warm worker."""

    async def ask(method, *arguments, deadline=120.0, log=None, **more):
        return await client.call(method, arguments, {**world.context, **more}, deadline, log)

    return ask


@pytest.fixture
async def stemcell(call, image):
    return await call("create_stemcell", str(image), {"name": "test"}, key="stemcell-test")


def networks(last: int, **more: object) -> dict[str, object]:
    """One manual network with the address 10.77.0.LAST."""
    entry = {"type": "manual", "ip": f"10.77.0.{last}", "netmask": "255.255.255.0", "prefix": "24",
             "gateway": "10.77.0.1", "dns": [], "default": ["dns", "gateway"], "cloud_properties": {}, **more}  # fmt: skip
    return {"default": entry}


@pytest.fixture
async def vm(call, stemcell, world):
    """Makes VMs and removes them, with all disks, after the test; then nothing may be left."""
    made: list[str] = []

    async def make(key="vm-1", last=20, properties=None, **more):
        cid, _ = await call(
            "create_vm",
            f"agent-{key}",
            stemcell,
            properties or {"memory": 256},
            networks(last),
            [],
            {},
            key=key,
            **more,
        )
        made.append(cid)
        return cid

    yield make
    for cid in dict.fromkeys(made):
        await call("delete_vm", cid)
    for cid in os.listdir(world.state / "disks") if (world.state / "disks").exists() else []:
        await call("delete_disk", cid)
    assert world.leftovers() == {}


@pytest.fixture
def lab_python(world):
    """Command line that runs Python inside the lab."""
    return world.lab.command([sys.executable])
