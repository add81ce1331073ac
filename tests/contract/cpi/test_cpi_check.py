"""A check as a whole: its reports, its exit status, and that it removes what it made, whatever ends it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from cpi import plugins
from cpi.conformance import __main__ as program
from cpi.conformance import report as reports
from cpi.conformance.check import Check, chosen
from cpi.conformance.clients import InProcess
from cpi.conformance.config import Config, ConfigError, parse
from cpi.conformance.run import run
from cpi.contract import CloudError, implements
from tests.contract.cpi import sim_probes
from tests.contract.cpi.mistaken_disks import LosesDisks
from tests.contract.cpi.mistaken_keys import FindsAnything
from tests.contract.cpi.tiny_cloud import TinyCloud

TREE = Path(__file__).resolve().parents[3]


def begun(cloud: TinyCloud, config: Config | None = None) -> Check:
    return Check("tiny", config, client=InProcess(plugins.wrap("tiny", cloud)))


def test_reports_tell_the_sentence_that_is_broken() -> None:
    cloud = LosesDisks()
    report = asyncio.run(run(begun(cloud), chosen(["disk.detach", "disk.list", "data.detach"])))
    assert [report.count(one) for one in ("passed", "failed", "skipped")] == [3, 1, 1]
    assert not report.good
    assert cloud.inventory() == []
    failed = next(one for one in report.results if one.case.id == "disk.detach")
    text = reports.line(failed)
    for part in ("FAIL", "disk.detach", "at once", "its data back", "bosh.io", "has_disk is false", "detach_disk"):
        assert part in text
    told = json.loads(reports.to_json(report))
    assert {one["id"]: one["outcome"] for one in told["cases"]} == {one.case.id: one.outcome for one in report.results}
    suite = ElementTree.fromstring(reports.to_junit(report))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "1")
    assert "must: " in str(suite.findtext("testcase/failure"))


async def test_cut_short_it_removes_what_is_being_made() -> None:
    loop, began = asyncio.get_running_loop(), asyncio.Event()

    class Slow(TinyCloud):
        def add(self, kind: str, call: Any, **fields: Any) -> str:
            cid = super().add(kind, call, **fields)
            if kind == "vm":
                loop.call_soon_threadsafe(began.set)
                time.sleep(0.2)
            return cid

    cloud = Slow()
    task = asyncio.create_task(run(begun(cloud), chosen(["vm"])))
    await began.wait()
    assert len(cloud.items["vm"]) == 1
    task.cancel()
    report = await task
    assert report.stopped
    assert report.left == ()
    assert cloud.inventory() == []


class Away(TinyCloud):
    """A cloud that, from some moment on, deletes nothing any more."""

    away = False

    @implements
    def delete_vm(self, vm_cid: str) -> None:
        if self.away:
            raise CloudError("the cloud is away")
        super().delete_vm(vm_cid)


def test_what_cannot_be_removed_is_named() -> None:
    cloud = Away()
    check = begun(cloud)

    async def story() -> list[str]:
        await check.begin()
        await check.run(chosen(["stemcell.create"])[0])
        cloud.away = True
        return await check.end()

    (left,) = asyncio.run(story())
    assert left == f"vm '{next(iter(cloud.items['vm']))}' could not be removed: the cloud is away"


def test_what_is_not_its_own_is_left_alone() -> None:
    cloud = FindsAnything()
    cloud.items["vm"]["theirs"] = {"key": "theirs", "agent_id": "a", "boot": 1, "env": {}, "networks": {}}
    cloud.items["disk"]["theirs-too"] = {"key": "theirs", "size": 1, "vm": "theirs", "metadata": {}}
    asyncio.run(run(begun(cloud), chosen(["key", "vm.create", "capacity"])))
    assert {"theirs", "theirs-too"} <= set(cloud.inventory())


class SlowlyFails(TinyCloud):
    @implements
    def create_disk(self, call, size, vm_cid):
        time.sleep(0.3)
        raise CloudError("in the end nothing came of it")


async def test_a_call_that_fails_after_the_check_was_cut_short_is_no_news() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    check = begun(SlowlyFails())
    calling = asyncio.create_task(check.subject.call("create_disk", 1, {}, None))
    await asyncio.sleep(0.1)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await check.subject.settled()
    del calling  # its end refers to the call
    gc.collect()
    assert told == []


@pytest.mark.parametrize(
    "latency", [{"create_vm": 300}, {"find": 400}], ids=["anywhere", "while it removes what a case has made"]
)
def test_ctrl_c_ends_it_in_order(latency: dict[str, int], tmp_path: Path) -> None:
    properties = {"state_dir": str(tmp_path / "cloud"), "latency": latency}
    config, report = tmp_path / "check.yml", tmp_path / "report.json"
    config.write_text(yaml.safe_dump({"properties": properties}))
    command = [sys.executable, "-m", "cpi.conformance", "sim", "--config", str(config), "--json", str(report)]
    process = subprocess.Popen(
        command, cwd=TREE, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ok    stemcell.create"):
            break
    time.sleep(0.3 if "find" in latency else 0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cut short" in out
    assert "Traceback" not in out
    assert json.loads(report.read_text())["stopped"] is True
    assert sim_probes.inventory(properties) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"propertys": {}}, "propertys is not known; known are properties"),
        ({"disk": {"size": "1G"}}, "disk.size must be a whole number above 0, not '1G'"),
        ({"networks": {"a": {"addresses": "10.0.0.9-10.0.0.1"}}}, "networks.a.addresses must go from a lower"),
        ({"networks": {"a": {"type": "vip"}}}, "networks.a.type must be manual or dynamic"),
        ({"capabilities": ["dance"]}, "dance is no call of the contract"),
        ({"versions": [4]}, "versions must be a list of 1 to 3"),
        ({"probes": {"read": 5}}, "probes.read must be a list of strings"),
        ({"timeouts": {"create_vm": 0}}, "timeouts.create_vm must be a number of seconds above 0"),
    ],
)
def test_a_wrong_configuration_is_told(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(document)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--list"], 0, "vm.create "),
        ([], 2, "NAME is missing"),
        (["sim", "--only", "vm.dance"], 2, "no case is called vm.dance"),
        (["sim", "--config", "/nowhere/check.yml"], 2, "cannot be read"),
        (["nobody"], 2, "no CPI plugin is called 'nobody'"),
        (["/nowhere/cpi"], 2, "is not an executable file"),
    ],
)
def test_what_cannot_be_checked_is_told(
    words: list[str], status: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert program.main(words) == status
    out, err = capfd.readouterr()
    assert said in out + err
    assert "Traceback" not in err
