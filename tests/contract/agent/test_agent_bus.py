"""The agent on a real bus: identity, heartbeats, push, reconnects."""

from __future__ import annotations

import time
from pathlib import Path

from agent_bus import Authority, Director, NatsServer
from agent_process import AgentProcess


async def test_ping_heartbeat_push_and_memory(vm: AgentProcess, director: Director) -> None:
    vm.start()
    await director.until(lambda: director.heartbeats)
    beat = director.heartbeats[0]
    assert set(beat) == {"deployment", "job", "index", "job_state", "vitals", "node_id", "number_of_processes"}
    assert (beat["job"], beat["job_state"], beat["number_of_processes"]) == (None, "running", 0)
    assert await director.ask("ping") == "pong"
    assert (await director.ask("info"))["meristem"]["push"] is True
    assert await director.raw("nonsense") == {"exception": {"message": "unknown message nonsense"}}

    request = await director.post("apply", vm.spec({"bin/run": "echo"}), key="k1", fence=1)
    task = (await director.reply(request))["value"]
    assert task["state"] == "running"
    assert await director.reply(request, 1) == {
        "meristem": {"agent_task_id": task["agent_task_id"]},
        "value": "applied",
    }
    assert await director.ask("get_task", task["agent_task_id"]) == "applied"
    assert vm.rss_kb() < 40_000


async def test_a_stock_director_gets_no_second_message(vm: AgentProcess, director: Director) -> None:
    vm.start()
    await director.until_pong()
    request = await director.post("apply", vm.spec({"bin/run": "echo"}))
    task = (await director.reply(request))["value"]["agent_task_id"]
    assert await director.end_of(task) == {"value": "applied"}
    assert len(director._replies[request]) == 1


async def test_a_repeated_request_moves_the_push_to_who_asked_last(vm: AgentProcess, director: Director) -> None:
    vm.start()
    await director.until_pong()
    script = f"while [ ! -e {vm.base}/gate ]; do sleep 0.02; done"
    applied = (await director.ask("apply", vm.spec({"bin/pre-start": script})))["agent_task_id"]
    assert await director.end_of(applied) == {"value": "applied"}
    arguments = ("pre-start", {"env": {}})
    first = await director.post("run_script", *arguments, key="k2", fence=1)
    task = (await director.reply(first))["value"]["agent_task_id"]
    second = await director.post("run_script", *arguments, key="k2", fence=2)
    assert (await director.reply(second))["value"]["agent_task_id"] == task
    (vm.base / "gate").touch()
    assert await director.reply(second, 1) == {"meristem": {"agent_task_id": task}, "value": {}}
    assert len(director._replies[first]) == 1


async def test_a_change_of_job_state_is_told_at_once(vm: AgentProcess, director: Director) -> None:
    vm.start()
    await director.until_pong()
    task = (await director.ask("stop"))["agent_task_id"]
    # the next one that is due anyway comes after 30 s
    await director.until(lambda: director.heartbeats and director.heartbeats[-1]["job_state"] == "stopped", 15)
    assert await director.end_of(task) == {"value": "stopped"}


async def test_the_agent_waits_for_its_user_and_comes_back_after_the_server(
    tmp_path: Path, zipapp: Path, server: NatsServer, authority: Authority
) -> None:
    vm = AgentProcess(tmp_path / "late", zipapp, server, authority)
    director = Director(server, authority, vm.id)
    await director.connect()
    try:
        vm.start()
        deadline = time.monotonic() + 30
        while "no connection to the bus" not in vm.log:
            assert time.monotonic() < deadline, vm.log
            time.sleep(0.05)
        server.allow_agent(vm.id, vm.name)
        await director.until_pong()
        server.stop()
        server.start()
        await director.until_pong()
    finally:
        vm.kill()
        await director.close()


async def test_a_server_that_is_not_the_message_bus_is_refused(
    tmp_path: Path, zipapp: Path, authority: Authority
) -> None:
    server = NatsServer(tmp_path / "other", authority, name="www.example.com")
    server.start()
    vm = AgentProcess(tmp_path / "vm", zipapp, server, authority)
    server.allow_agent(vm.id, vm.name)
    try:
        vm.start()
        deadline = time.monotonic() + 30
        while "the bus server calls itself" not in vm.log:
            assert time.monotonic() < deadline, vm.log
            time.sleep(0.05)
        assert "connected to the bus" not in vm.log
    finally:
        vm.kill()
        server.stop()


async def test_a_new_bus_identity_takes_effect_and_the_task_reports_ok(
    vm: AgentProcess, director: Director, server: NatsServer, authority: Authority
) -> None:
    vm.start()
    await director.until_pong()
    permanent = f"{vm.id}.agent.bosh-internal"
    certificate, key = authority.issue(permanent)
    server.allow_agent(vm.id, permanent)
    cert = {"ca": authority.pem, "certificate": certificate, "private_key": key}
    assert vm.process is not None
    pid = vm.process.pid
    request = await director.post("update_settings", {"mbus": {"cert": cert}}, key="rotate", fence=1)
    task = (await director.reply(request))["value"]["agent_task_id"]
    pushed = await director.reply(request, 1)
    assert pushed == {"meristem": {"agent_task_id": task}, "value": "ok"}
    assert await director.end_of(task) == {"value": "ok"}
    # The old identity may go: the agent lives on the new one, in the same process id.
    server.deny(vm.name)
    assert await director.ask("ping") == "pong"
    assert vm.process.pid == pid and vm.process.poll() is None
    again = (await director.ask("update_settings", {"mbus": {"cert": cert}}))["agent_task_id"]
    assert await director.end_of(again) == {"value": "ok"}
    assert vm.log.count("the agent restarts") == 1


async def test_term_ends_the_agent(vm: AgentProcess, director: Director) -> None:
    vm.start()
    await director.until_pong()
    assert vm.stop() == 0
