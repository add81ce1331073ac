"""A lab is made, holds what runs in it, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

import lab
from lab import cgroups
from lab.forward import Forwarding
from lab.record import load, start_time
from lab.sweep import sweep

pytestmark = pytest.mark.lab


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem")) / f"house-{secrets.token_hex(4)}"
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        sweep(made)
        shutil.rmtree(made)


def leftovers(record: lab.LabRecord) -> list[str]:
    """All traces of a lab on the machine."""
    traces = [str(path) for h in cgroups.hierarchies() for path in [h.mountpoint / record.cgroup] if path.exists()]
    if Path("/run/netns", record.netns).exists():
        traces.append(record.netns)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    traces += [line for line in mounts if record.directory in line]
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout.splitlines()
    traces += [line for line in loops if record.directory in line]
    traces += [str(pid) for pid in (record.holder_pid, record.libvirtd_pid) if start_time(pid) is not None]
    return traces


def ask(port: int, request: bytes) -> bytes:
    """What a server on the loopback answers until it closes; nothing when it resets (behind a forward: not up yet)."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        try:
            return b"".join(iter(lambda: connection.recv(4096), b""))
        except ConnectionResetError:
            return b""


def test_a_lab_has_its_own_network_libvirt_and_groups(top: Path) -> None:
    house = lab.up(top / "a")
    addresses = json.loads(house.exec(["ip", "-j", "addr"]).stdout)
    found = {entry["ifname"]: [a["local"] for a in entry["addr_info"] if a["family"] == "inet"] for entry in addresses}
    assert found == {"lo": ["127.0.0.1"], house.record.bridge: [house.address]}
    connection = libvirt.open(house.libvirt_uri)
    assert connection.listNetworks() == [house.record.network]
    connection.close()
    assert {line.split(":", 2)[2] for line in house.exec(["cat", "/proc/self/cgroup"]).stdout.splitlines()} == {"/"}
    assert lab.up(top / "a") == house
    house.down()
    assert leftovers(house.record) == []
    assert load(top / "a") is None
    house.down()


def test_two_labs_live_side_by_side(top: Path) -> None:
    first, second = lab.up(top / "a"), lab.up(top / "b")
    assert first.record.netns != second.record.netns
    for house in (first, second):
        assert house.exec(["hostname", "-I"]).stdout.split()[0] == house.address
    first.down()
    assert second.exec(["ip", "-br", "link", "show", second.record.bridge]).stdout.startswith(second.record.bridge)
    second.down()
    assert leftovers(first.record) + leftovers(second.record) == []


def test_what_a_dead_lab_left_is_removed(top: Path) -> None:
    house = lab.up(top / "a")
    command = house.command(["sh", "-c", "setsid sleep 1000 & echo inside; exec sleep 1000"])
    runaway = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert runaway.stdout is not None
    assert runaway.stdout.readline() == "inside\n"
    disk = house.directory / "disk"
    disk.write_bytes(b"\0" * (1 << 20))
    loop = house.exec(["losetup", "-f", "--show", str(disk)]).stdout.strip()
    house.exec(["mkdir", "-p", "/sys/fs/cgroup/pids/lab/left/deep", "/sys/fs/cgroup/memory/machine/left"])
    for pid in (house.record.holder_pid, house.record.libvirtd_pid):
        os.kill(pid, signal.SIGKILL)
    assert leftovers(house.record) != []
    house.down()
    assert runaway.communicate(timeout=60) == ("", None)
    assert runaway.returncode == -signal.SIGKILL
    assert leftovers(house.record) == []
    assert loop not in subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout


def test_up_after_a_crash_makes_it_anew(top: Path) -> None:
    first = lab.up(top / "a")
    os.kill(first.record.libvirtd_pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while start_time(first.record.libvirtd_pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    second = lab.up(top / "a")
    assert second.record.libvirtd_pid != first.record.libvirtd_pid
    libvirt.open(second.libvirt_uri).close()
    second.down()
    assert leftovers(first.record) + leftovers(second.record) == []


def test_a_forward_reaches_a_server_inside(top: Path) -> None:
    house = lab.up(top / "a")
    (top / "page").write_text("from inside")
    server = subprocess.Popen(
        house.command([sys.executable, "-m", "http.server", "-b", house.address, "8000", "-d", str(top)]),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with Forwarding.start(house, [(0, house.address, 8000)]) as forwarding:
        port = forwarding.ports[0]
        answer = b""
        deadline = time.monotonic() + 90
        while not answer.endswith(b"from inside"):
            assert server.poll() is None and time.monotonic() < deadline, answer
            answer = ask(port, b"GET /page HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=30)
    server.kill()
    server.wait()
    house.down()


def test_the_command_line_tells_a_commands_own_status(top: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "lab", *arguments], capture_output=True, text=True, check=False)

    place = str(top / "a")
    assert run("exec", "--dir", place, "--", "true").returncode == 125
    assert json.loads(run("up", "--dir", place).stdout)["address"] == "10.77.0.1"
    assert run("exec", "--dir", place, "--", "sh", "-c", "exit 7").returncode == 7
    assert json.loads(run("status", "--dir", place).stdout)["domains"] == []
    assert run("down", "--dir", place).returncode == 0
    assert run("status", "--dir", place).stdout == "down\n"
