"""The warm worker against a vCenter: killed in mid-call, its calls adopted by their keys; no secret in its log."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from tests.clouds.vsphere.cloud import network

pytestmark = pytest.mark.clouds


class Worker:
    """`python -m cpi.worker vsphere`, by lines."""

    def __init__(self, properties):
        self.properties = properties
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cpi.worker", "vsphere"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.lines = []
        self.number = 0
        assert "ready" in self.line()

    def line(self):
        read = self.process.stdout.readline()
        self.lines.append(read)
        return json.loads(read)

    def send(self, method, *arguments, key=None):
        context = {**self.properties, "director_uuid": "d", "request_id": "cpi-1", **({"key": key} if key else {})}
        self.number += 1
        request = {"id": self.number, "method": method, "arguments": arguments, "context": context, "api_version": 3}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def ask(self, method, *arguments, key=None):
        self.send(method, *arguments, key=key)
        while True:
            answer = self.line()
            if "result" in answer:
                assert answer["error"] is None, answer
                return answer["result"]

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def workers():
    made = []

    def start(properties):
        made.append(Worker(properties))
        return made[-1]

    yield start
    for worker in made:
        worker.kill()


@pytest.mark.parametrize("method", ["CloneVM_Task", "ReconfigVM_Task", "PowerOnVM_Task"])
def test_a_worker_killed_while_it_makes_a_vm(cloud, api, wire, stemcell, workers, method):
    through, key = cloud.through(wire), cloud.key("vm")
    fault = wire.fault(method, "slow", seconds=0.7)
    first = workers(through.properties)
    properties = {"cpu": 1, "ram": 512, "disk": 1024}
    first.send("create_vm", "agent", stemcell, properties, network(), [], {}, key=key)
    wait_for(lambda: fault.met)
    first.kill()
    wait_for(lambda: wire.calls[-1] == method)
    time.sleep(0.8)  # what the dead one asked for arrives at the vCenter
    second = workers(cloud.properties)
    found = second.ask("find", "vm", key)
    if method == "PowerOnVM_Task":
        assert found == key
        assert api.vm(key).runtime.powerState == "poweredOn"
    else:
        made = second.ask("create_vm", "agent", stemcell, properties, network(), [], {}, key=key)
        assert made[0] == key
    assert [name for name in api.vm_names() if key in name] == [key]


def test_a_worker_killed_while_it_makes_a_disk(cloud, api, wire, workers):
    through, key = cloud.through(wire), cloud.key("disk")
    fault = wire.fault("CreateVirtualDisk_Task", "slow", seconds=0.7)
    first = workers(through.properties)
    first.send("create_disk", 32, {}, None, key=key)
    wait_for(lambda: fault.met)
    first.kill()
    time.sleep(0.9)
    assert workers(cloud.properties).ask("find", "disk", key) == key
    assert f"[LocalDS_0] BOSH_Disks/{key}.vmdk" in api.files()


def test_a_worker_killed_while_it_uploads_a_stemcell(cloud, api, wire, image, workers):
    through, key = cloud.through(wire), cloud.key("stemcell")
    fault = wire.fault("CreateSnapshot_Task", "cut", times=1000)
    first = workers(through.properties)
    first.send("create_stemcell", str(image), {}, {}, key=key)
    wait_for(lambda: fault.met)
    first.kill()
    assert workers(cloud.properties).ask("find", "stemcell", key) is None
    assert not any(key in name for name in api.vm_names())


def test_no_secret_is_logged(cloud, stemcell, workers):
    worker = workers(cloud.properties)
    env = {"bosh": {"password": "env-secret-word"}}
    key = cloud.key("vm")
    worker.ask("create_vm", "agent", stemcell, {"cpu": 1, "ram": 512, "disk": 1024}, network(), [], env, key=key)
    told = "".join(worker.lines)
    assert f"VM '{key}' runs in cluster DC0_C0" in told
    for secret in (cloud.vcenter.password, "agent-secret", "env-secret-word"):
        assert secret not in told


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
