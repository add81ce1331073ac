from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from director.adapters.bus.agents import NatsAgents
from director.adapters.bus.server import NatsServer
from director.adapters.bus.users import UsersFile


async def test_an_agent_is_let_in_once_admitted(agents: NatsAgents, speak) -> None:
    with pytest.raises(Exception, match=r"(?i)authorization|closed|eof|unexpected"):
        await speak("stranger", admitted=False)
    await agents.admit(["stranger"])
    await speak("stranger")
    assert await agents.call("stranger", "ping") == "pong"


async def test_admitting_others_drops_no_client(agents: NatsAgents, speak) -> None:
    first = await speak("a1")
    for number in range(5):
        await agents.admit([f"b{number}", f"c{number}"])
    await asyncio.sleep(0.3)
    assert not first.lost.is_set()
    assert await agents.call("a1", "ping") == "pong"


async def test_an_expelled_agent_is_dropped_the_others_stay(agents: NatsAgents, speak) -> None:
    first, second = await speak("a1"), await speak("a2")
    await agents.expel(["a1"])
    await asyncio.wait_for(first.lost.wait(), 20)
    assert not second.lost.is_set()
    assert await agents.call("a2", "ping") == "pong"
    with pytest.raises(Exception, match=r"(?i)authorization|closed|eof|unexpected"):
        await first.connect(patience=0)


async def test_an_agent_hears_only_its_own_requests(agents: NatsAgents, speak) -> None:
    spy = await speak("spy")
    await speak("a1")
    heard: list[bytes] = []

    async def hear(message) -> None:
        heard.append(message.data)

    await spy._client.subscribe("agent.a1", cb=hear)
    await agents.call("a1", "ping")
    await asyncio.sleep(0.2)
    assert heard == []


def test_users_are_read_back_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    users = UsersFile(path, None)
    assert users.admit(["a1", "a2"])
    assert not users.admit(["a1"])
    assert UsersFile(path, None).agents == {"a1", "a2"}
    assert users.replace(["a3"])
    assert UsersFile(path, None).agents == {"a3"}
    assert path.stat().st_mode & 0o007 == 0


def test_many_threads_lose_nobody(tmp_path: Path) -> None:
    users = UsersFile(tmp_path / "users.json", None)
    users.admit([f"old{n}" for n in range(40)])
    with ThreadPoolExecutor(16) as pool:
        admitted = [pool.submit(users.admit, [f"new{n}"]) for n in range(40)]
        expelled = [pool.submit(users.expel, [f"old{n}"]) for n in range(40)]
        assert all(one.result() for one in (*admitted, *expelled))
    assert UsersFile(users.path, None).agents == {f"new{n}" for n in range(40)}
    assert [one.name for one in tmp_path.iterdir()] == ["users.json"]


def test_a_stale_pid_file_harms_nobody(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(os.getpid()))  # SIGHUP would end this process
    UsersFile(tmp_path / "users.json", pid_file).admit(["a1"])


async def test_the_server_is_adopted_not_started_twice(server: NatsServer, agents: NatsAgents) -> None:
    pid = server.pid()
    other = NatsServer(server.place)
    assert not await other.ensure()
    assert other.pid() == pid
    assert os.getsid(pid) != os.getsid(0)


async def test_a_dead_server_comes_back_and_so_do_the_connections(
    server: NatsServer, agents: NatsAgents, speak
) -> None:
    await server.supervise()
    pid = server.pid()
    os.kill(pid, 9)
    for _ in range(500):
        await asyncio.sleep(0.05)
        if server.pid() not in (None, pid):
            break
    assert server.pid() not in (None, pid)
    await speak("a1")
    assert await agents.call("a1", "ping", timeout=30) == "pong"
