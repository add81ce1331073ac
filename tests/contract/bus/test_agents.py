from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from director.adapters.bus.agents import NatsAgents
from director.model.errors import AgentError, AgentTimeout


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is taken for lost and sent again, however late its answer."""
    monkeypatch.setattr("director.adapters.bus.exchange._PATIENCE", 3600.0)


async def test_call_answers_value_and_logs_it(agents: NatsAgents, speak) -> None:
    agent_id = str(uuid.uuid4())
    await speak(agent_id)
    lines: list[str] = []
    assert await agents.call(agent_id, "ping", log=lines.append) == "pong"
    assert lines[0].startswith(
        f'SENT: agent.{agent_id} {{"protocol":3,"method":"ping","arguments":[],"reply_to":"director.'
    )
    assert lines[1].startswith("RECEIVED: director.") and lines[1].endswith('{"value":"pong"}')


async def test_exception_is_an_agent_error(agents: NatsAgents, speak) -> None:
    await speak("a1")
    with pytest.raises(AgentError, match="unknown message nonsense") as caught:
        await agents.call("a1", "nonsense")
    assert (caught.value.code, caught.value.agent_id, caught.value.method) == (450001, "a1", "nonsense")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not json", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1,2]", "is not an object"),
        (b"{}", "neither value nor exception"),
        (b'{"exception":null}', "without a message"),
        (b'{"exception":"plain text"}', "plain text"),
    ],
)
async def test_malformed_replies_fail_the_request_at_once(agents: NatsAgents, speak, data: bytes, words: str) -> None:
    agent = await speak("a1")
    agent.raw["get_state"] = data
    started = time.monotonic()
    with pytest.raises(AgentError, match=words):
        await agents.call("a1", "get_state")
    assert time.monotonic() - started < 20  # not after the 45 s that a reply may take
    assert await agents.call("a1", "ping") == "pong"


async def test_large_reply(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")
    agent.raw["get_state"] = b'{"value":"' + b"x" * 900_000 + b'"}'
    assert len(await agents.call("a1", "get_state")) == 900_000


async def test_too_large_a_request_says_so(agents: NatsAgents, speak) -> None:
    await speak("a1")
    with pytest.raises(AgentError, match="Cannot send 'upload_blob'"):
        await agents.call("a1", "upload_blob", {"payload": "x" * 2_000_000})
    assert await agents.call("a1", "ping") == "pong"


async def test_silence_is_a_timeout(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")
    agent.silent.add("get_state")
    with pytest.raises(AgentTimeout, match=r"Timed out sending 'get_state' to agent 'a1' after 0.3 seconds") as caught:
        await agents.call("a1", "get_state", timeout=0.3)
    assert caught.value.code == 450002
    async with asyncio.timeout(20):
        while not agent.methods():  # the server may have passed it on later than that
            await asyncio.sleep(0.01)
    assert agent.methods() == ["get_state"]


async def test_a_request_waits_for_an_agent_that_is_not_there_yet(agents: NatsAgents, speak) -> None:
    asking = asyncio.create_task(agents.call("late", "ping", timeout=30))
    await asyncio.sleep(0.3)
    agent = await speak("late")
    assert await asking == "pong"
    assert agent.methods() == ["ping"]


async def test_pushed_result_needs_no_poll(agents: NatsAgents, speak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("director.adapters.bus.agents._POLL", 3600.0)  # a stalled machine shall not make it look
    agent = await speak("a1", ours=True)
    release = asyncio.Event()

    async def apply(spec: dict[str, str]) -> str:
        await release.wait()
        return f"applied {spec['job']}"

    agent.actions["apply"] = apply
    seen: list[str] = []
    run = asyncio.create_task(agents.run("a1", "apply", {"job": "web"}, key="k1", fence=7, started=seen.append))
    while (
        "info" not in agent.methods() and not run.done()
    ):  # an end that is pushed sooner tells by itself that this agent pushes
        await asyncio.sleep(0.01)
    release.set()
    assert await run == "applied web"
    assert seen and seen[0] in agent.tasks
    assert agent.methods() == ["apply", "info"]
    assert agent.requests[0]["meristem"] == {"fence": 7, "key": "k1"}


async def test_a_call_without_a_fence_carries_none(agents: NatsAgents, speak) -> None:
    """Our agent would refuse 0 as older than any that it has seen."""
    agent = await speak("a1")

    async def fetch_logs() -> dict[str, str]:
        return {}

    agent.actions["fetch_logs"] = fetch_logs
    await agents.run("a1", "fetch_logs", key="k1")
    assert agent.requests[0]["meristem"] == {"key": "k1"}


async def test_stock_agent_is_polled(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")

    async def stop() -> str:
        await asyncio.sleep(0.3)
        return "stopped"

    agent.actions["stop"] = stop
    assert await agents.run("a1", "stop") == "stopped"
    polls = agent.methods()
    assert polls[:2] == ["stop", "info"] and set(polls[2:]) == {"get_task"}
    assert len(polls) < 20  # without pauses it would be hundreds


async def test_failure_of_an_action(agents: NatsAgents, speak) -> None:
    for ours in (True, False):
        agent = await speak(f"a-{ours}", ours=ours)

        async def fail(*_: object) -> None:
            raise RuntimeError("1 of 2 pre-start scripts failed. Failed Jobs: a. Successful Jobs: b.")

        agent.actions["run_script"] = fail
        with pytest.raises(AgentError, match="1 of 2 pre-start scripts failed"):
            await agents.run(f"a-{ours}", "run_script", "pre-start", {})


async def test_adopting_a_task_sends_no_new_request(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")

    async def compile_package() -> str:
        await asyncio.sleep(0.2)
        return "compiled"

    agent.actions["compile_package"] = compile_package
    seen: list[str] = []
    first = asyncio.create_task(agents.run("a1", "compile_package", started=seen.append))
    while not seen:
        await asyncio.sleep(0.01)
    first.cancel()
    assert await agents.run("a1", "compile_package", adopt=seen[0]) == "compiled"
    assert agent.methods().count("compile_package") == 1


async def test_adopting_a_forgotten_task_asks_anew(agents: NatsAgents, speak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("director.adapters.bus.agents._POLL", 3600.0)  # the end is pushed, however late
    agent = await speak("a1", ours=True)

    async def apply() -> str:
        return "applied"

    agent.actions["apply"] = apply
    assert await agents.run("a1", "apply", adopt="gone") == "applied"
    assert [one for one in agent.methods() if one != "info"] == ["get_task", "apply"]


async def test_a_repeated_key_is_adopted(agents: NatsAgents, speak) -> None:
    agent = await speak("a1", ours=True)
    runs: list[int] = []

    async def apply() -> str:
        runs.append(1)
        return "applied"

    agent.actions["apply"] = apply
    assert await agents.run("a1", "apply", key="k") == "applied"
    assert await agents.run("a1", "apply", key="k") == "applied"
    assert runs == [1]


async def test_update_settings_is_followed_through_a_restart(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")

    async def update_settings(_: object) -> str:
        await agent.close()  # as the stock agent: it exits, and reports the same task as done afterwards
        await asyncio.sleep(0.7)
        await agent.connect()
        return "ok"

    agent.actions["update_settings"] = update_settings
    started = time.monotonic()
    assert await agents.run("a1", "update_settings", {"mbus": {"cert": {"private_key": "PEM"}}}) == "ok"
    assert time.monotonic() - started < 20


async def test_wait_until_ready(agents: NatsAgents, speak) -> None:
    waiting = asyncio.create_task(agents.wait_until_ready("a1", 60))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    agent = await speak("a1", raw={"ping": b'{"exception":{"message":"restarting agent"}}'})
    await asyncio.sleep(0.5)
    assert not waiting.done()
    agent.raw.clear()
    await asyncio.wait_for(waiting, 20)


async def test_wait_until_ready_gives_up(agents: NatsAgents) -> None:
    started = time.monotonic()
    with pytest.raises(AgentTimeout, match=r"Timed out pinging agent 'nobody' after 0.5 seconds"):
        await agents.wait_until_ready("nobody", 0.5)
    assert time.monotonic() - started < 10


async def test_whole_time_of_an_action_is_limited(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")

    async def stop() -> str:
        await asyncio.sleep(30)
        return "stopped"

    agent.actions["stop"] = stop
    with pytest.raises(AgentTimeout, match=r"did not end within 0.5 seconds"):
        await agents.run("a1", "stop", timeout=0.5)


async def test_heartbeats_are_heard_with_the_monitors_identity(agents: NatsAgents, speak) -> None:
    agent = await speak("a1")
    assert agents.heartbeat("a1") is None
    await agent.tell("hm.agent.heartbeat.a1", {"job_state": "running", "node_id": "i1"})
    await agent.tell("hm.agent.heartbeat.a1", ["malformed"])
    await agent.tell("hm.agent.heartbeat.a2", {"job_state": "forged"})
    for _ in range(500):
        if agents.heartbeat("a1"):
            break
        await asyncio.sleep(0.02)
    heartbeat = agents.heartbeat("a1")
    assert heartbeat is not None and heartbeat["job_state"] == "running"
    assert abs(heartbeat["received_at"] - time.time()) < 20
    assert agents.heartbeat("a2") is None
    assert set(agents.heard()) == {"a1"}
    assert await agents.reachable()


async def test_alerts_of_agents_are_heard(agents: NatsAgents, speak) -> None:
    told: list[tuple[str, dict[str, object]]] = []
    agents.on_alert(lambda agent_id, alert: told.append((agent_id, alert)))
    agent = await speak("a1")
    await agent.tell("hm.agent.alert.a1", ["malformed"])
    await agent.tell("hm.agent.alert.a1", {"id": "7", "severity": 2, "title": "web is down"})
    for _ in range(500):
        if told:
            break
        await asyncio.sleep(0.02)
    assert told == [("a1", {"id": "7", "severity": 2, "title": "web is down"})]


async def test_secrets_are_not_logged(agents: NatsAgents, speak) -> None:
    await speak("a1")
    lines: list[str] = []
    settings = {
        "mbus": {"cert": {"private_key": "PRIVATE"}},
        "blobstores": [{"options": {"password": "hush"}}],
        "url": "https://h/blobs/x?expires=1&signature=abcdef",
        "trusted_certs": "shown",
    }
    with pytest.raises(AgentError):
        await agents.call("a1", "unknown", settings, {"payload": "BASE64"}, log=lines.append)
    assert "shown" in lines[0]
    for secret in ("PRIVATE", "hush", "abcdef", "BASE64"):
        assert secret not in lines[0]
