"""What a container can reach, and who can reach it: real packets between real namespaces."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest
from paas.containers.client import Container
from paas.containers.protocol import Create, Egress, Limits

from tests.paas.warden.own_network import INSIDE, OUTSIDE
from tests.paas.warden.warden_process import WardenProcess

pytestmark = pytest.mark.lab

PYTHON = "/usr/bin/python3"
SERVE = (
    "import socket\ns = socket.create_server(('0.0.0.0', 8080))\nprint('listens', flush=True)\n"
    "while 1:\n c, _ = s.accept(); c.sendall(b'hello'); c.close()"
)
ASK = (
    "import socket, sys\n"
    "try:\n c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20); print(c.recv(9).decode() or 'closed')\n"
    "except ConnectionRefusedError: print('refused')\nexcept OSError as e: print(type(e).__name__, e)"
)


async def make(warden: WardenProcess, *egress: Egress) -> Container:
    limits = Limits(memory_mb=64, disk_mb=16, pids=40)
    return await warden.client.create(
        Create(handle=f"n{uuid4().hex[:10]}", rootfs="/", limits=limits, egress=list(egress))
    )


async def serving(warden: WardenProcess) -> Container:
    box = await make(warden)
    process = await box.run([PYTHON, "-c", SERVE])
    async for batch in process.output():
        assert batch.lines[0].text == "listens"
        break
    return box


async def ask(box: Container, host: str, port: int) -> str:
    process = await box.run([PYTHON, "-c", ASK, host, str(port)])
    lines = [line.text async for batch in process.output() for line in batch.lines]
    await asyncio.wait_for(process.wait(), 30)
    return lines[0]


def ask_from(where: list[str], host: str, port: int) -> str:
    return subprocess.run([*where, PYTHON, "-c", ASK, host, str(port)], capture_output=True, text=True).stdout.strip()


@pytest.fixture
def servers(outside: list[str]) -> Iterator[None]:
    """One on the machine, one outside, both at port 8080 of all addresses."""
    both = [subprocess.Popen([*where, PYTHON, "-c", SERVE], stdout=subprocess.PIPE) for where in ([], outside)]
    for one in both:
        assert one.stdout is not None
        one.stdout.readline()
    yield
    for one in both:
        one.kill()
        one.wait()


async def test_an_opened_port_leads_in_from_outside_and_from_the_machine(
    warden: WardenProcess, outside: list[str]
) -> None:
    box = await serving(warden)
    port = await box.net_in(8080)
    assert 61001 <= port <= 65535
    assert ask_from([], box.container_ip, 8080) == "hello"
    assert ask_from([], INSIDE, port) == "hello"
    assert await asyncio.to_thread(ask_from, outside, INSIDE, port) == "hello"
    assert await box.net_in(8080) != port


async def test_a_container_is_not_reached_past_its_ports(warden: WardenProcess, outside: list[str]) -> None:
    box = await serving(warden)
    subprocess.run([*outside, "ip", "route", "replace", "10.254.0.0/16", "via", INSIDE], check=True)
    assert await asyncio.to_thread(ask_from, outside, box.container_ip, 8080) == "refused"


async def test_denied_networks_the_machine_and_other_containers_are_refused(
    warden: WardenProcess, servers: None
) -> None:
    server, box = await serving(warden), await make(warden)
    port = await server.net_in(8080)
    assert ask_from([], OUTSIDE, 8080) == "hello"
    assert await ask(box, OUTSIDE, 8080) == "refused"
    assert await ask(box, INSIDE, 8080) == "refused"
    assert await ask(box, box.host_ip, 8080) == "refused"
    assert await ask(box, server.container_ip, 8080) == "refused"
    assert await ask(box, INSIDE, port) == "refused"


async def test_a_containers_own_rules_open_what_they_name_and_nothing_else(
    warden: WardenProcess, servers: None
) -> None:
    box = await make(
        warden, Egress(destination=OUTSIDE, ports="80,8000-8080"), Egress(destination=f"{INSIDE}/32", ports="8080")
    )
    other = await make(warden)
    assert await ask(box, OUTSIDE, 8080) == "hello"
    assert await ask(box, INSIDE, 8080) == "hello"
    assert await ask(box, OUTSIDE, 8081) == "refused"
    assert await ask(other, OUTSIDE, 8080) == "refused"
    await box.net_out([])
    await other.net_out([Egress(protocol="all", destination="10.99.0.0-10.99.0.9")])
    assert await ask(box, OUTSIDE, 8080) == "refused"
    assert await ask(other, OUTSIDE, 8080) == "hello"


async def test_a_rule_for_everything_opens_no_other_container(warden: WardenProcess) -> None:
    server = await serving(warden)
    box = await make(warden, Egress(protocol="all", destination="0.0.0.0/0"))
    assert await ask(box, server.container_ip, 8080) == "refused"


async def test_names_come_from_files_of_its_own(warden: WardenProcess) -> None:
    box = await make(warden)
    process = await box.script("cat /etc/resolv.conf /etc/hosts; hostname")
    lines = [line.text async for batch in process.output() for line in batch.lines]
    assert lines[0] == "nameserver 10.99.0.53"
    assert f"{box.container_ip} {box.handle}" in lines
    assert lines[-1] == box.handle


async def test_there_is_no_way_by_ipv6(warden: WardenProcess) -> None:
    box = await make(warden)
    process = await box.script("cat /proc/net/if_inet6 || true")
    lines = [line.text async for batch in process.output() for line in batch.lines if line.stream == "OUT"]
    assert [line.split()[-1] for line in lines] in ([], ["lo"])
    said = subprocess.run(["ip", "-6", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    assert " wd" not in said
