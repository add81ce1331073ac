"""The warm worker and its client, with a real plugin in a real process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cpi.client import WorkerClient, environment_with_package
from cpi.contract import (
    CloudError,
    CpiError,
    DeadlineExceeded,
    DiskNotAttached,
    InvalidCall,
    MethodNotImplemented,
    VMCreationFailed,
    VMNotFound,
    WorkerDied,
)
from cpi.lock import is_free
from cpi.plugins import PluginError
from cpi.settings import SettingsError

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = "tests.unit.cpi.ledger_cloud"


@pytest.fixture
def context(tmp_path):
    return {"dir": str(tmp_path / "cloud"), "director_uuid": "u", "request_id": "cpi-123456", "password": "s3cretpw"}


class Gate:
    """Holds a call of the ledger (`wanted` are its cloud properties) between its begin and its end."""

    def __init__(self, path):
        self.path = path
        self.wanted = {"gate": str(path)}

    def open(self):
        self.path.touch()

    async def begun(self):
        async with asyncio.timeout(30):
            while not self.path.with_suffix(".begun").exists():
                await asyncio.sleep(0.01)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "gate")


@pytest.fixture
async def client(tmp_path):
    made = WorkerClient(PLUGIN, lock=tmp_path / "worker.lock")
    await made.start()
    yield made
    await made.close()


async def test_calls_have_results_shaped_by_the_contract(client, context):
    info = await client.call("info", [], context)
    assert info["api_version"] == 3
    assert info["stemcell_formats"] == ["ledger-raw"]
    assert "find" in info["meristem"]["capabilities"]
    stemcell = await client.call("create_stemcell", ["/i", {}, {"tags": {"a": "b"}}], context)
    network = {"n": {"type": "manual", "ip": "10.0.0.5"}}
    cid, networks = await client.call("create_vm", ["agent", stemcell, {}, network, [], {}], context)
    assert networks == {"n": {"type": "manual", "ip": "10.0.0.5", "mac": "52:54:00:00:00:01"}}
    disk = await client.call("create_disk", [10, {}, cid], context)
    assert await client.call("attach_disk", [cid, disk], context) == {"path": "/dev/sdb"}
    assert await client.call("get_disks", [cid], context) == [disk]
    assert await client.call("delete_vm", [cid], context) is None


async def test_version_one_callers_get_version_one_results(client, context):
    stemcell = await client.call("create_stemcell", ["/i", {}], context, api_version=1)
    vm = await client.call("create_vm", ["agent", stemcell, {}, {}, [], {}], context, api_version=1)
    assert isinstance(vm, str)
    disk = await client.call("create_disk", [10, {}, None], context, api_version=1)
    assert await client.call("attach_disk", [vm, disk], context, api_version=1) is None


async def test_the_key_is_stamped_and_found(client, context):
    first = await client.call("create_disk", [10, {}], {**context, "key": "disk-k"})
    assert await client.call("create_disk", [10, {}], {**context, "key": "disk-k"}) == first
    assert await client.call("find", ["disk", "disk-k"], context) == first
    assert await client.call("find", ["disk", "other"], context) is None
    assert await client.call("find", ["vm", "disk-k"], context) is None
    assert await client.call("find_all", ["disk", ["disk-k", "other"]], context) == {"disk-k": first}


@pytest.mark.parametrize(
    ("method", "arguments", "kind", "text"),
    [
        ("reboot_vm", ["vm-x"], VMNotFound, "vm 'vm-x' is not here"),
        ("create_disk", [1, {"fail": "Bosh::Clouds::DiskNotAttached"}], DiskNotAttached, "asked to fail"),
        (
            "create_disk",
            [1, {"crash": "python"}],
            CpiError,
            r"ZeroDivisionError: a bug of the plugin at ledger_cloud\.py:",
        ),
        ("snapshot_disk", ["d", {}], MethodNotImplemented, "does not implement 'snapshot_disk'"),
        ("fly_to_moon", [], MethodNotImplemented, "does not implement 'fly_to_moon'"),
        ("create_disk", ["ten", {}], InvalidCall, "argument size must be a number of MiB above 0, not 'ten'"),
        ("create_disk", [0, {}], InvalidCall, "above 0"),
        ("create_disk", [True, {}], InvalidCall, "above 0"),
        ("create_disk", [], InvalidCall, r"takes 2 to 3 arguments \(size, cloud_properties, vm_cid\), got 0"),
        ("delete_vm", ["a", "b"], InvalidCall, "takes 1 arguments"),
        ("delete_vm", [""], InvalidCall, "must be a string that is not empty"),
        ("create_disk", [1, []], InvalidCall, "cloud_properties must be a hash"),
        ("vm_status", ["vm-x"], InvalidCall, "argument vm_cids must be a list of strings"),
        ("vm_status", [[], -1], InvalidCall, "argument console must be a number of bytes"),
        ("find_all", ["vm", "k"], InvalidCall, "argument keys must be a list of strings"),
        ("find_all", ["vm", ["vm-wrong"]], CloudError, "the contract wants CIDs by key"),
        ("find", ["planet", "k"], InvalidCall, "one of vm, disk, snapshot, stemcell"),
        ("configure_networks", ["v", {"n": {"type": "warp"}}], InvalidCall, "must be manual, dynamic or vip"),
        ("configure_networks", ["v", {"n": {"type": "manual"}}], InvalidCall, "networks.n.ip is missing"),
        ("configure_networks", ["v", {"n": {"type": "dynamic", "dns": "8.8.8.8"}}], InvalidCall, "networks.n.dns"),
    ],
)
async def test_errors_come_back_typed(client, context, method, arguments, kind, text):
    with pytest.raises(kind, match=text) as error:
        await client.call(method, arguments, context)
    assert type(error.value) is kind
    assert error.value.facts.method == method
    assert error.value.facts.request_id == "cpi-123456"


async def test_ok_to_retry_is_kept(client, context):
    for retry in (True, False):
        wanted = {"fail": "Bosh::Clouds::VMCreationFailed", "retry": retry}
        with pytest.raises(VMCreationFailed) as error:
            await client.call("create_disk", [1, wanted], context)
        assert error.value.ok_to_retry is retry


async def test_many_calls_run_at_once_and_answer_to_their_own_caller(client, context):
    began = time.monotonic()
    sizes = range(1, 13)
    made = await asyncio.gather(
        *(client.call("create_disk", [size, {"sleep": 1}], {**context, "key": f"disk-{size}"}) for size in sizes)
    )
    assert time.monotonic() - began < 8  # one after the other they would take 12 s
    assert len(set(made)) == 12
    for size, cid in zip(sizes, made, strict=True):
        record = json.loads((Path(context["dir"]) / "disk" / f"{cid}.json").read_text())
        assert (record["size"], record["key"]) == (size, f"disk-{size}")


async def test_log_lines_go_to_their_call_without_secrets(client, context):
    lines: dict[int, list[str]] = {1: [], 2: []}
    wanted = {number: {"say": f"number {number} uses s3cretpw at https://joe:hunter22@host/"} for number in lines}
    await asyncio.gather(
        *(client.call("create_disk", [1, wanted[number]], context, log=lines[number].append) for number in lines)
    )
    for number in lines:
        text = "\n".join(lines[number])
        assert f"number {number} uses <redacted> at https://joe:<redacted>@host/" in text
        assert "sdk: sdk says number" in text
        assert f"number {3 - number}" not in text
        assert "s3cretpw" not in text
        assert "hunter22" not in text
        assert "create_disk: ok (" in text


async def test_what_libraries_print_reaches_the_client_log_without_secrets(context):
    lines: list[str] = []
    client = WorkerClient(PLUGIN, log=lines.append)
    await client.call("create_disk", [1, {"say": "s3cretpw"}], context, log=lambda line: None)
    await client.close()
    assert "an SDK prints to stdout: <redacted>" in lines
    assert "s3cretpw" not in "\n".join(lines)


async def test_a_log_that_fails_costs_nothing_but_its_lines(context):
    lines: list[str] = []
    client = WorkerClient(PLUGIN, log=lines.append)

    def broken(line):
        raise OSError("disk full")

    assert (await client.call("create_disk", [1, {}], context, log=broken)).startswith("disk-")
    assert await client.call("has_disk", ["x"], context) is False
    await client.close()
    assert any("the log of a create_disk call failed: OSError: disk full" in line for line in lines)


async def test_error_messages_hold_no_secret(client, context):
    wanted = {"fail": "Bosh::Clouds::CloudError", "message": "login as s3cretpw failed"}
    with pytest.raises(CpiError) as error:
        await client.call("create_disk", [1, wanted], context)
    assert "login as <redacted> failed" in str(error.value)


async def test_a_late_call_is_unsettled_and_the_worker_goes_on(client, context, gate):
    with pytest.raises(DeadlineExceeded, match="may still take effect") as error:
        await client.call("create_disk", [1, gate.wanted], context, deadline=3)
    assert error.value.facts.started is True
    assert error.value.ok_to_retry is False
    pid = client.pid
    assert await client.call("has_disk", ["x"], context) is False
    assert client.pid == pid
    gate.open()


async def test_a_call_that_never_began_is_known_to_have_done_nothing(context, gate):
    client = WorkerClient(PLUGIN, threads=1)
    slow = asyncio.create_task(client.call("create_disk", [1, gate.wanted], context))
    await gate.begun()
    with pytest.raises(DeadlineExceeded, match="had not begun") as error:
        await client.call("create_disk", [2, {}], {**context, "key": "disk-late"}, deadline=0.1)
    assert error.value.facts.started is False
    assert error.value.ok_to_retry is True
    gate.open()
    await slow
    assert await client.call("find", ["disk", "disk-late"], context) is None
    await client.close()


async def test_calls_given_up_do_not_use_up_the_threads(context, gate):
    client = WorkerClient(PLUGIN, threads=2)
    late = [client.call("create_disk", [1, gate.wanted], context, deadline=0.2) for _ in range(2)]
    results = await asyncio.gather(*late, return_exceptions=True)
    assert [type(result) for result in results] == [DeadlineExceeded, DeadlineExceeded]
    assert await client.call("has_disk", ["x"], context, deadline=30) is False
    gate.open()
    await client.close()


@pytest.mark.parametrize(("how", "words"), [("exit", "exit code 9"), ("segv", "SIGSEGV")])
async def test_a_crash_costs_the_calls_in_flight_only(client, context, gate, how, words):
    slow = asyncio.create_task(client.call("create_disk", [1, gate.wanted], context))
    await gate.begun()
    with pytest.raises(WorkerDied, match=words) as error:
        await client.call("create_disk", [1, {"crash": how}], context)
    assert error.value.facts.started is True
    with pytest.raises(WorkerDied, match=words):
        await slow
    assert await client.call("has_disk", ["x"], context) is False


async def test_a_killed_worker_frees_its_lock_and_comes_back(client, context, gate, tmp_path):
    lock = tmp_path / "worker.lock"
    assert not is_free(lock)
    slow = asyncio.create_task(client.call("create_disk", [1, gate.wanted], context))
    await gate.begun()
    os.kill(client.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        await slow
    assert is_free(lock)
    assert await client.call("has_disk", ["x"], context) is False
    assert not is_free(lock)


async def test_a_hung_worker_is_ended(client, context, monkeypatch):
    monkeypatch.setattr("cpi.client.GRACE", 0.3)
    pid = client.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DeadlineExceeded, match="was ended") as error:
        await client.call("has_disk", ["x"], context, deadline=0.1)
    assert error.value.facts.started is True
    assert await client.call("has_disk", ["x"], context) is False
    assert client.pid != pid


async def test_two_workers_cannot_share_a_lock(client, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    code = "import cpi.worker as w; w.LOCK_WAIT = 0.2; raise SystemExit(w.main())"
    lock = str(tmp_path / "worker.lock")
    done = subprocess.run(
        [sys.executable, "-c", code, PLUGIN, "--lock", lock], env=environment, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 75
    assert "another worker holds the lock" in done.stderr


async def test_a_worker_dies_with_its_parent(tmp_path, context):
    lock = tmp_path / "orphan.lock"
    code = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from cpi.client import WorkerClient\n"
        "async def main():\n"
        f"    client = WorkerClient({PLUGIN!r}, lock=Path({str(lock)!r}))\n"
        "    await client.start()\n"
        f"    call = asyncio.create_task(client.call('create_disk', [1, {{'sleep': 30}}], {context!r}))\n"
        "    await asyncio.sleep(0.3)\n"
        "    print(client.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment_with_package(None), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert int(done.stdout) > 0
    until = time.monotonic() + 30
    while not is_free(lock) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert is_free(lock)


async def test_close_lets_calls_in_flight_end(tmp_path, context, gate):
    client = WorkerClient(PLUGIN, lock=tmp_path / "lock")
    await client.start()
    call = asyncio.create_task(client.call("create_disk", [1, gate.wanted], context))
    await gate.begun()
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0.1)
    gate.open()
    await closing
    assert (await call).startswith("disk-")
    assert is_free(tmp_path / "lock")
    with pytest.raises(WorkerDied, match="is closed"):
        await client.call("info", [], context)


async def test_the_configuration_file_lies_below_the_context(tmp_path):
    config = tmp_path / "cpi.json"
    properties = {PLUGIN: {"dir": str(tmp_path / "from-file")}, "agent": {"mbus": "nats://x"}}
    config.write_text(json.dumps({"cloud": {"plugin": PLUGIN, "properties": properties}}))
    client = WorkerClient(PLUGIN, config=config)
    disk = await client.call("create_disk", [1, {}], {})
    assert (tmp_path / "from-file" / "disk" / f"{disk}.json").exists()
    disk = await client.call("create_disk", [1, {}], {"dir": str(tmp_path / "from-context")})
    assert (tmp_path / "from-context" / "disk" / f"{disk}.json").exists()
    await client.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "cloud is missing"),
        ('{"cloud": {"plugin": "other", "properties": {}}}', "cloud.plugin is 'other'"),
        ('{"cloud": {}}', "properties is missing"),
    ],
)
async def test_a_broken_configuration_file_is_named(tmp_path, text, words):
    config = tmp_path / "cpi.json"
    config.write_text(text)
    with pytest.raises(SettingsError, match=words) as error:
        await WorkerClient(PLUGIN, config=config).start()
    assert str(config) in str(error.value)


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ("nothing", "no CPI plugin is called 'nothing'; known are: .*libvirt"),
        ("no.such.module", "cannot be imported from no.such.module"),
        ("tests.unit.cpi.broken_cloud", "lacks the required calls create_stemcell"),
        ("tests.unit.cpi.broken_cloud:Misspelt", "Argument.*vm_kid"),
    ],
)
async def test_a_plugin_that_cannot_be_used_is_told_at_the_start(plugin, words):
    with pytest.raises(PluginError, match=words):
        await WorkerClient(plugin).start()


async def test_lines_that_are_no_requests_are_answered():
    lines = [b"not json", b"[]", b'{"id": 7}', b'{"id": 8, "method": 3, "arguments": []}', b"\xff\xfe", b"",
             b'{"id": 9, "method": "info", "arguments": []}', b'{"id": 10, "method": "info", "arguments": {}}']  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "cpi.worker", PLUGIN], input=b"\n".join(lines) + b"\n", cwd=ROOT, capture_output=True,
        timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    answers = {message["id"]: message for message in messages if "error" in message and message["id"] is not None}
    assert {number for number, message in answers.items() if message["error"]} == {7, 8, 10}
    assert all(message["error"]["type"] == "InvalidCall" for message in answers.values() if message["error"])
    assert answers[9]["result"]["api_version"] == 3
    assert sum(1 for message in messages if message["id"] is None and message.get("error")) == 3


async def test_a_warm_call_costs_little(client, context):
    await client.call("has_disk", ["x"], context)
    took: list[float] = []
    for _ in range(100):
        began = time.perf_counter()
        await client.call("has_disk", ["x"], context)
        took.append((time.perf_counter() - began) * 1000)
    assert statistics.median(took) < 50  # to start a worker takes hundreds
