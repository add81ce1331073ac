"""Both agents over a real bus: the same requests, the same kinds of answers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.witness.conftest import Bench
from tests.e2e.loopback.archives import tgz
from tests.e2e.loopback.bus import agent_user, standing_users
from tests.e2e.loopback.talk import AgentRefused

PACKAGING = b'set -e\nmkdir -p "$BOSH_INSTALL_TARGET/bin"\ncp tool "$BOSH_INSTALL_TARGET/bin/tool"\necho "$BOSH_PACKAGE_NAME" > "$BOSH_INSTALL_TARGET/name"\n'


async def test_a_new_vm_answers(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    assert (await bench.talk.call(agent_id, "info"))["api_version"] >= 1
    with pytest.raises(AgentRefused, match=r"^unknown message prepare_network_change"):
        await bench.talk.call(agent_id, "prepare_network_change")
    with pytest.raises(AgentRefused, match="Task with id no-such-task could not be found"):
        await bench.talk.call(agent_id, "get_task", "no-such-task")
    state = await bench.talk.call(agent_id, "get_state", "full")
    assert state["agent_id"] == agent_id
    assert state["vm"] == {"name": cid}
    assert (state["networks"], state["packages"]) == ({}, {})
    assert isinstance(state["vitals"]["mem"]["kb"], str)
    assert isinstance(state["vitals"]["load"][0], str)
    bench.cloud.call("delete_vm", cid)
    with pytest.raises(TimeoutError):
        await bench.talk.call(agent_id, "ping", seconds=1)


async def test_a_new_bus_certificate_restarts_the_agent(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    settings = {"trusted_certs": "", "disk_associations": [], "mbus": {"cert": bench.identity(agent_id)}}
    assert await bench.talk.run(agent_id, "update_settings", settings) == "ok"
    bench.bus.admit([*standing_users(), agent_user(agent_id)])  # the bootstrap identity is worth nothing from here on
    await bench.talk.wait_until_ready(agent_id)
    plain = {"trusted_certs": "", "disk_associations": []}
    assert await bench.talk.run(agent_id, "update_settings", plain) == "ok"
    await bench.talk.wait_until_ready(agent_id)
    bench.cloud.call("delete_vm", cid)


def apply_spec(bench: Bench, package: dict[str, Any], archive: tuple[str, str]) -> dict[str, Any]:
    templates = [{"name": "web", "version": "aa11", "sha1": "0" * 40, "blobstore_id": "unused"}]
    return {
        "deployment": "shop",
        "job": {"name": "front", "template": "web", "version": "aa11", "templates": templates},
        "index": 0,
        "name": "front",
        "id": "6f1fe9a4-6d37-4a63-8f0e-1c1c8a6b0001",
        "az": "z1",
        "networks": {
            "a": {"type": "manual", "ip": "127.77.0.5", "netmask": "255.255.255.0", "extra": {"kept": ["as", "sent"]}}
        },
        "packages": {"tool": package},
        "dns_domain_name": "bosh",
        "configuration_hash": "c0ffee",
        "persistent_disk": 0,
        "template_hashes": {"web": "feed"},
        "rendered_templates_archive": {"blobstore_id": archive[0], "sha1": archive[1]},
    }


async def compile_tool(bench: Bench, agent_id: str) -> dict[str, Any]:
    source, digest = bench.put_blob(
        tgz({"packaging": PACKAGING, "tool": b"#!/bin/sh\necho tool\n"}, frozenset({"tool"}))
    )
    answer = await bench.talk.run(agent_id, "compile_package", source, digest, "tool", "ab12.1", {})
    result = answer["result"]
    assert (bench.blobs / result["blobstore_id"]).exists()
    return {"name": "tool", "version": "ab12.1", "sha1": result["sha1"], "blobstore_id": result["blobstore_id"]}


def rendered() -> bytes:
    marks = b'#!/bin/bash\nset -e\necho "$GREETING" > "$(dirname "$0")/../greeting"\n'
    members = {
        "web/monit": b"",
        "web/bin/pre-start": marks,
        "web/config/web.yml": b"port: 80\n",
        "web/.bosh/links.json": b"[]",
    }
    return tgz(members, frozenset({"web/bin/pre-start"}))


async def test_compile_apply_start(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    base = Path(bench.cloud.vm_of(agent_id)["base"])
    package = await compile_tool(bench, agent_id)
    with tarfile.open(bench.blobs / package["blobstore_id"]) as archive:
        assert {Path(name).as_posix() for name in archive.getnames()} >= {"bin/tool", "name"}

    spec = apply_spec(bench, package, bench.put_blob(rendered()))
    assert await bench.talk.run(agent_id, "prepare", spec) == "prepared"
    assert await bench.talk.run(agent_id, "apply", spec) == "applied"
    assert (base / "packages/tool/name").read_text() == "tool\n"
    assert (base / "jobs/web/config/web.yml").read_text() == "port: 80\n"
    assert (base / "instance/name").read_text().strip() == "front"
    assert await bench.talk.run(agent_id, "run_script", "pre-start", {"env": {"GREETING": "hello"}}) == {}
    assert (base / "jobs/web/greeting").read_text() == "hello\n"
    assert await bench.talk.run(agent_id, "start") == "started"
    state = await bench.talk.call(agent_id, "get_state")
    assert state["job_state"] == "running"
    assert state["networks"] == spec["networks"]
    assert state["configuration_hash"] == "c0ffee"
    assert state["job"]["name"] == "front"
    assert await bench.talk.run(agent_id, "drain", "shutdown") == 0
    assert await bench.talk.run(agent_id, "stop") == "stopped"
    bench.cloud.call("delete_vm", cid)


async def test_templates_sent_over_the_bus(bench: Bench) -> None:
    """upload_blob: what stock agents need for rendered templates when blobs go by signed URL."""
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    content = rendered()
    package = await compile_tool(bench, agent_id)
    number, digest = "5a1f1e36-27a2-4f1b-8f6c-5f3f9a000001", f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob = {"blob_id": number, "checksum": digest, "payload": base64.b64encode(content).decode()}
    assert await bench.talk.run(agent_id, "upload_blob", blob) == number
    assert await bench.talk.run(agent_id, "apply", apply_spec(bench, package, (number, digest))) == "applied"
    assert (Path(bench.cloud.vm_of(agent_id)["base"]) / "jobs/web/config/web.yml").exists()
    with pytest.raises(AgentRefused, match=r"[Cc]hecksum|corrupted|digest"):
        await bench.talk.run(agent_id, "upload_blob", {**blob, "checksum": "sha256:" + "0" * 64})
    bench.cloud.call("delete_vm", cid)


async def test_a_failing_package_says_why(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    source, digest = bench.put_blob(tgz({"packaging": b"echo building; echo no compiler here >&2; exit 3\n"}))
    with pytest.raises(AgentRefused, match="no compiler here"):
        await bench.talk.run(agent_id, "compile_package", source, digest, "broken", "cd34.1", {})
    with pytest.raises(AgentRefused):
        await bench.talk.run(agent_id, "compile_package", source, "0" * 40, "broken", "cd34.2", {})
    bench.cloud.call("delete_vm", cid)


async def test_logs(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    log = Path(bench.cloud.vm_of(agent_id)["base"]) / "sys/log/web"
    log.mkdir(parents=True)
    (log / "web.log").write_text("one line\n")
    answer = await bench.talk.run(agent_id, "fetch_logs", "job", [])
    with tarfile.open(bench.blobs / answer["blobstore_id"]) as archive:
        assert "web/web.log" in {Path(name).as_posix() for name in archive.getnames()}
    bench.cloud.call("delete_vm", cid)


async def test_a_disk_hint_is_known_until_removed(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    disk = bench.cloud.call("create_disk", 64, {}, cid)
    hint = bench.cloud.call("attach_disk", cid, disk)
    assert await bench.talk.run(agent_id, "add_persistent_disk", disk, hint) == {}
    assert await bench.talk.run(agent_id, "mount_disk", disk) == {}
    assert await bench.talk.run(agent_id, "list_disk") == [disk]
    assert "message" in await bench.talk.run(agent_id, "unmount_disk", disk)
    assert await bench.talk.run(agent_id, "remove_persistent_disk", disk) == {}
    assert await bench.talk.run(agent_id, "list_disk") == []
    bench.cloud.call("detach_disk", cid, disk)
    bench.cloud.call("delete_vm", cid)
    assert bench.cloud.call("has_disk", disk) is True


async def test_errand_output_and_exit_code(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    run = b"#!/bin/bash\necho out; echo err >&2; exit 7\n"
    archive = bench.put_blob(tgz({"web/monit": b"", "web/bin/run": run}, frozenset({"web/bin/run"})))
    spec = apply_spec(bench, {}, archive) | {"packages": {}}
    assert await bench.talk.run(agent_id, "apply", spec) == "applied"
    answer = await bench.talk.run(agent_id, "run_errand", "web")
    assert (answer["stdout"], answer["stderr"], answer["exit_code"]) == ("out\n", "err\n", 7)
    bench.cloud.call("delete_vm", cid)


async def test_delete_vm_leaves_no_process(bench: Bench) -> None:
    agent_id, cid = bench.boot()
    await bench.talk.wait_until_ready(agent_id)
    spec = apply_spec(
        bench,
        {},
        bench.put_blob(
            tgz({"web/monit": b"", "web/bin/run": b"#!/bin/bash\nexec sleep 613\n"}, frozenset({"web/bin/run"}))
        ),
    )
    assert await bench.talk.run(agent_id, "apply", spec | {"packages": {}}) == "applied"
    task = await bench.talk.call(agent_id, "run_errand", "web")
    assert task["state"] == "running"
    await until(lambda: any("sleep\x00613" in _text(path) for path in Path("/proc").glob("[0-9]*/cmdline")))
    base = bench.cloud.vm_of(agent_id)["base"]
    bench.cloud.call("delete_vm", cid)

    def left() -> list[str]:
        texts = [_text(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        return [text for text in texts if base in text or "sleep\x00613" in text]

    await until(lambda: left() == [])  # they were killed, which takes as long as the machine likes


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
