"""SIGKILL to the real agent in the middle of each kind of action; a new process takes the task up under its id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_blob_server import BlobServer
from agent_bus import Authority, Director, NatsServer
from agent_process import AgentProcess, await_path, tarball

# Notes that it began, waits until the test opens the gate, notes that it ends.
GATED = "echo begin >>{0}/note; touch {0}/began; while [ ! -e {0}/gate ]; do sleep 0.02; done; echo end >>{0}/note"


@pytest.fixture
def store(tmp_path: Path, authority: Authority) -> Iterator[BlobServer]:
    made = BlobServer(tmp_path / "blob-server", authority)
    yield made
    made.close()


@pytest.fixture
def vm(tmp_path: Path, zipapp: Path, server: NatsServer, authority: Authority) -> Iterator[AgentProcess]:
    trust = {"provider": "dav", "options": {"tls": {"cert": {"ca": authority.pem}}}}
    made = AgentProcess(tmp_path, zipapp, server, authority, blobstores=[trust])
    server.allow_agent(made.id, made.name)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def sh(text: str) -> str:
    return f"#!/bin/sh\n{text}\n"


async def applied(vm: AgentProcess, director: Director, store: BlobServer, scripts: dict[str, str]) -> None:
    vm.start()
    await director.until_pong()
    spec = spec_of(store, scripts)
    task = (await director.ask("apply", spec))["agent_task_id"]
    assert await director.end_of(task) == {"value": "applied"}


def spec_of(store: BlobServer, scripts: dict[str, str], blob_id: str = "templates") -> dict[str, object]:
    files = {f"job/{name}": text if name == "monit" else sh(text) for name, text in scripts.items()}
    return {
        "deployment": "paas",
        "name": "group",
        "id": "id-1",
        "index": 0,
        "job": {"name": "group", "templates": [{"name": "job", "version": "1"}]},
        "packages": {"p": {"name": "p", "version": "1", **store.add(tarball({"file": "content"}), f"{blob_id}-p")}},
        "networks": {},
        "configuration_hash": json.dumps(files),
        "rendered_templates_archive": store.add(tarball(files), blob_id),
    }


async def crash(vm: AgentProcess, director: Director) -> None:
    vm.kill()
    vm.start()
    await director.until_pong()


async def begin(vm: AgentProcess, director: Director, method: str, *arguments: object) -> str:
    """Start a gated action under a key; its task id, once its script is in the middle."""
    task = (await director.ask(method, *arguments, key="the-key", fence=1))["agent_task_id"]
    await asyncio.to_thread(await_path, vm.base / "began")
    return str(task)


@pytest.mark.parametrize("method", ["prepare", "apply"])
async def test_a_download(vm: AgentProcess, director: Director, store: BlobServer, method: str) -> None:
    vm.start()
    await director.until_pong()
    store.gate.clear()
    task = (await director.ask(method, spec_of(store, {"bin/run": "echo"}), key="the-key"))["agent_task_id"]
    while not store.requests:
        await asyncio.sleep(0.01)
    await crash(vm, director)
    assert (await director.ask("get_task", task))["state"] == "running"
    store.gate.set()
    assert await director.end_of(task) == {"value": {"prepare": "prepared", "apply": "applied"}[method]}
    assert store.headers[0]["x-lab"] == "yes"
    assert (vm.base / "jobs" / "job").exists() == (method == "apply")
    assert not list((vm.base / "data" / "tmp").iterdir())


async def test_a_script_goes_on_and_runs_once(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    await applied(vm, director, store, {"bin/pre-start": GATED.format(vm.base)})
    task = await begin(vm, director, "run_script", "pre-start", {"env": {}})
    await crash(vm, director)
    # The director that lost its own memory sends the same key and finds the task again.
    assert (await director.ask("run_script", "pre-start", {"env": {}}, key="the-key"))["agent_task_id"] == task
    (vm.base / "gate").touch()
    assert await director.end_of(task) == {"value": {}}
    assert (vm.base / "note").read_text() == "begin\nend\n"


async def test_a_script_that_ended_while_no_agent_lived_is_not_run_again(
    vm: AgentProcess, director: Director, store: BlobServer
) -> None:
    await applied(vm, director, store, {"bin/pre-start": GATED.format(vm.base) + "; exit 3"})
    task = await begin(vm, director, "run_script", "pre-start", {"env": {}})
    vm.kill()
    (vm.base / "gate").touch()
    run = vm.base / "bosh" / "tasks" / task / "run" / "job" / "exit"
    await asyncio.to_thread(await_path, run)
    vm.start()
    await director.until_pong()
    answer = await director.end_of(task)
    assert answer["exception"]["message"].endswith("1 of 1 pre-start scripts failed. Failed Jobs: job.")
    assert (vm.base / "note").read_text() == "begin\nend\n"


async def test_an_errand_goes_on_and_gives_its_whole_output(
    vm: AgentProcess, director: Director, store: BlobServer
) -> None:
    script = f"echo first; {GATED.format(vm.base)}; echo last; exit 7"
    await applied(vm, director, store, {"bin/run": script})
    task = await begin(vm, director, "run_errand", "job")
    await crash(vm, director)
    (vm.base / "gate").touch()
    value = {"stdout": "first\nlast\n", "stderr": "", "exit_code": 7}
    assert await director.end_of(task) == {"value": value}
    assert (vm.base / "note").read_text() == "begin\nend\n"


async def test_an_errand_can_be_cancelled_by_the_next_agent(
    vm: AgentProcess, director: Director, store: BlobServer
) -> None:
    await applied(vm, director, store, {"bin/run": f"trap 'echo bye; exit 4' TERM; {GATED.format(vm.base)}"})
    task = await begin(vm, director, "run_errand", "job")
    await crash(vm, director)
    assert await director.ask("cancel_task", task) == "canceled"
    value = (await director.end_of(task))["value"]
    assert (value["stdout"], value["exit_code"]) == ("bye\n", 4)


def kill_scripts(vm: AgentProcess) -> None:
    """What a reboot does to the scripts of this VM (found by the VM's own folder in their command line)."""
    mark = os.fsencode(vm.base / "bosh" / "tasks")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in words:
                with contextlib.suppress(ProcessLookupError):  # it went with another one of its group
                    os.killpg(os.getpgid(int(entry.name)), signal.SIGKILL)


@pytest.mark.parametrize(("method", "script"), [("run_errand", "bin/run"), ("drain", "bin/drain")])
async def test_what_must_not_run_twice_is_reported_when_it_was_lost(
    vm: AgentProcess, director: Director, store: BlobServer, method: str, script: str
) -> None:
    await applied(vm, director, store, {script: GATED.format(vm.base)})
    task = await begin(vm, director, method, "job" if method == "run_errand" else "shutdown")
    vm.kill()
    kill_scripts(vm)
    vm.start()
    await director.until_pong()
    message = (await director.end_of(task))["exception"]["message"]
    assert "was cut off by a restart" in message
    assert (vm.base / "note").read_text() == "begin\n"


async def test_a_repeatable_script_that_was_lost_is_run_again(
    vm: AgentProcess, director: Director, store: BlobServer
) -> None:
    await applied(vm, director, store, {"bin/pre-start": GATED.format(vm.base)})
    task = await begin(vm, director, "run_script", "pre-start", {"env": {}})
    vm.kill()
    kill_scripts(vm)
    vm.start()
    (vm.base / "gate").touch()
    assert await director.end_of(task) == {"value": {}}
    assert (vm.base / "note").read_text() == "begin\nbegin\nend\n"


async def test_a_dynamic_drain_goes_on_where_it_was(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    note = vm.base / "turns"
    script = f'echo "$1" >>{note}; touch {vm.base}/began; [ $(wc -l <{note}) -ge 3 ] && echo 0 || echo -1'
    await applied(vm, director, store, {"bin/drain": script})
    task = await begin(vm, director, "drain", "shutdown")
    for _ in range(2):
        await asyncio.sleep(0.4)
        await crash(vm, director)
    assert await director.end_of(task) == {"value": 0}
    assert note.read_text().splitlines() == ["job_shutdown", "job_check_status", "job_check_status"]
    assert len([subject for subject, _ in director.others if "shutdown" in subject]) == 1


async def test_a_compilation_goes_on_and_runs_once(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    vm.start()
    await director.until_pong()
    packaging = GATED.format(vm.base) + "; echo made > $BOSH_INSTALL_TARGET/product"
    source = store.add(tarball({"packaging": packaging}), "source")
    request = {
        "package_get_signed_url": source["signed_url"],
        "upload_signed_url": store.url("PUT", "result"),
        "digest": source["sha1"],
        "name": "p",
        "version": "1",
        "deps": {"lib": {"name": "lib", "version": "2", **store.add(tarball({"l": "l"}), "lib")}},
    }
    dependency = request["deps"]["lib"]  # type: ignore[index]
    dependency["package_get_signed_url"] = dependency.pop("signed_url")  # type: ignore[attr-defined]
    task = await begin(vm, director, "compile_package_with_signed_url", request)
    await crash(vm, director)
    (vm.base / "gate").touch()
    answer = await director.end_of(task)
    assert re.fullmatch("[0-9a-f]{40};sha512:[0-9a-f]{128}", answer["value"]["result"]["sha1"])
    assert set(answer["value"]["result"]) == {"sha1"}
    assert (vm.base / "note").read_text() == "begin\nend\n"
    assert store.blobs["result"]
    assert store.requests == ["GET lib", "GET source", "PUT result"]
    assert not list((vm.base / "packages").iterdir())


async def test_the_upload_of_a_compilation_is_repeated(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    vm.start()
    await director.until_pong()
    source = store.add(tarball({"packaging": f"echo x >>{vm.base}/note; echo made > $BOSH_INSTALL_TARGET/p"}), "source")
    request = {
        "package_get_signed_url": source["signed_url"],
        "upload_signed_url": store.url("PUT", "result"),
        "digest": source["sha1"],
        "name": "p",
        "version": "1",
        "deps": {},
    }
    task = (await director.ask("compile_package_with_signed_url", request))["agent_task_id"]
    await asyncio.to_thread(await_path, vm.base / "note")
    store.gate.clear()
    while "PUT result" not in store.requests:
        await asyncio.sleep(0.01)
    await crash(vm, director)
    store.gate.set()
    assert "sha1" in (await director.end_of(task))["value"]["result"]
    assert (vm.base / "note").read_text() == "x\n"


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_stop(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    pid, control = vm.base / "sys/run/job/pid", vm.base / "jobs/job/bin/ctl"
    monit = f'check process job with pidfile {pid}\n start program "{control} start"\n stop program "{control} stop"\n'
    ctl = (
        f"case $1 in start) sleep 300 >/dev/null 2>&1 & echo $! >{pid};; "
        f'stop) {GATED.format(vm.base)}; kill "$(cat {pid})"; rm -f {pid};; esac'
    )
    await applied(vm, director, store, {"monit": monit, "bin/ctl": ctl})
    assert await director.ask("start", key="start") == "started"
    process = int(pid.read_text())
    task = await begin(vm, director, "stop")
    await crash(vm, director)
    (vm.base / "gate").touch()
    assert await director.end_of(task) == {"value": "stopped"}
    assert not pid.exists()
    async with asyncio.timeout(20):
        while lives(process):  # the job was told to end; the stop program does not wait for that
            await asyncio.sleep(0.02)


async def test_the_queue_keeps_its_order(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    first, second = GATED.format(vm.base), f"echo second >>{vm.base}/note"
    await applied(vm, director, store, {"bin/first": first, "bin/second": second})
    one = await begin(vm, director, "run_script", "first", {})
    two = (await director.ask("run_script", "second", {}, key="another"))["agent_task_id"]
    await crash(vm, director)
    assert (await director.ask("get_task", two))["state"] == "running"
    (vm.base / "gate").touch()
    assert await director.end_of(two) == {"value": {}}
    assert await director.end_of(one) == {"value": {}}
    assert (vm.base / "note").read_text() == "begin\nend\nsecond\n"


async def test_logs_are_sent_again(vm: AgentProcess, director: Director, store: BlobServer) -> None:
    await applied(vm, director, store, {"bin/run": "echo"})
    store.gate.clear()
    request = {"signed_url": store.url("PUT", "logs"), "log_type": "agent", "filters": []}
    task = (await director.ask("fetch_logs_with_signed_url", request))["agent_task_id"]
    while "PUT logs" not in store.requests:
        await asyncio.sleep(0.01)
    await crash(vm, director)
    store.gate.set()
    assert set((await director.end_of(task))["value"]) == {"sha1"}
    assert store.blobs["logs"]


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.005, 0.01, 0.03, 0.1])
async def test_at_any_moment_a_key_leads_to_one_run_and_one_result(
    vm: AgentProcess, director: Director, store: BlobServer, moment: float
) -> None:
    await applied(vm, director, store, {"bin/pre-start": f"echo once >>{vm.base}/note"})
    await director.post("run_script", "pre-start", {}, key="k")
    await asyncio.sleep(moment)
    await crash(vm, director)
    task = (await director.ask("run_script", "pre-start", {}, key="k"))["agent_task_id"]
    assert await director.end_of(task) == {"value": {}}
    assert (vm.base / "note").read_text() == "once\n"
