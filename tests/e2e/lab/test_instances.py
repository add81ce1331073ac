"""Instances by our CLI, as an operator does it: stop, start, restart, recreate, logs, ssh; and tasks followed and left."""

from __future__ import annotations

import json
import os
import re
import signal
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import yaml

from tests.e2e.lab.calls import cpi_calls
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import Site, until


@pytest.fixture(autouse=True)
def shop(site: Site) -> None:
    """The demo with one web front."""
    site.api.deploy(manifest(web=1, stemcell="latest"))


def row_of(site: Site, slug: str) -> dict[str, Any]:
    group, index = slug.split("/")
    return next(row for row in site.api.instances(NAME) if (row["job_name"], str(row["index"])) == (group, index))


def last_task(site: Site) -> int:
    return site.api.get("/tasks", limit=1, verbose=2)[0]["id"]


def lifecycle(site: Site, row: dict[str, Any]) -> list[str]:
    log = site.host.path(row["vm_cid"], f"/var/vcap/sys/log/{row['job_name']}/lifecycle.log")
    return [line.split()[1] for line in log.read_text().splitlines()]


def answers(site: Site, row: dict[str, Any]) -> bool:
    try:
        return site.inside.get(row["ips"][0], "/health") == {"status": "ok"}
    except OSError:
        return False


def test_stop_and_start_keep_the_vm(site: Site) -> None:
    before = row_of(site, "web/0")
    done = site.cli("--tty", "-d", NAME, "stop", "web/0")
    assert done.stdout.endswith("Succeeded\n")
    assert cpi_calls(site.api, last_task(site)) == {}
    stopped = row_of(site, "web/0")
    assert (stopped["job_state"], stopped["state"], stopped["vm_cid"]) == ("stopped", "stopped", before["vm_cid"])
    assert not answers(site, before)
    site.cli("-d", NAME, "start", "web/0")
    assert cpi_calls(site.api, last_task(site)) == {}
    started = row_of(site, "web/0")
    assert (started["job_state"], started["state"], started["vm_cid"]) == ("running", "started", before["vm_cid"])
    assert answers(site, before)


def test_restart_drains_and_starts_again(site: Site) -> None:
    row = row_of(site, "web/0")
    before = lifecycle(site, row)
    site.cli("-d", NAME, "restart", "web/0")
    assert cpi_calls(site.api, last_task(site)) == {}
    assert lifecycle(site, row)[len(before) :] == ["drain", "pre-start", "post-start"]
    assert answers(site, row)


def test_recreate_gives_a_new_vm_with_the_old_disk(site: Site) -> None:
    before, web = row_of(site, "store/0"), row_of(site, "web/0")
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    site.cli("-d", NAME, "recreate", "store/0")
    calls = cpi_calls(site.api, last_task(site))
    assert (calls["create_vm"], calls["delete_vm"], calls["create_disk"], calls["attach_disk"]) == (1, 1, 0, 1)
    after = row_of(site, "store/0")
    assert after["vm_cid"] != before["vm_cid"]
    assert (after["id"], after["ips"], after["disk_cids"]) == (before["id"], before["ips"], before["disk_cids"])
    assert row_of(site, "web/0")["vm_cid"] == web["vm_cid"]
    assert site.inside.get(web["ips"][0])["store"]["counter"] == count + 1


def test_stop_hard_takes_the_vm_and_start_brings_it_back(site: Site) -> None:
    before = row_of(site, "web/0")
    site.cli("-d", NAME, "stop", "web/0", "--hard")
    assert cpi_calls(site.api, last_task(site))["delete_vm"] == 1
    assert before["vm_cid"] not in site.host.inventory().domains
    assert row_of(site, "web/0")["state"] == "detached"
    site.cli("-d", NAME, "start", "web/0")
    after = row_of(site, "web/0")
    assert after["vm_cid"] != before["vm_cid"]
    assert after["ips"] == before["ips"]
    assert answers(site, after)


def test_logs_come_as_an_archive(site: Site) -> None:
    target = site.directory / "logs"
    target.mkdir()
    site.cli("-d", NAME, "logs", "web/0", "--dir", str(target))
    (archive,) = target.glob("*.tgz")
    with tarfile.open(archive) as opened:
        names = {name.removeprefix("./") for name in opened.getnames()}
        member = next(one for one in opened.getmembers() if one.name.endswith("web/lifecycle.log"))
        stream = opened.extractfile(member)
        assert stream is not None
        assert b" pre-start\n" in stream.read()
    assert "web/web.stdout.log" in names


def test_ssh_runs_a_command_on_each_instance(site: Site) -> None:
    rows = [row_of(site, "store/0"), row_of(site, "web/0")]
    done = site.cli("-d", NAME, "ssh", "-c", "sudo cat /var/vcap/instance/id; echo; hostname", "-r", "--json")
    table = json.loads(done.stdout)["Tables"][0]["Rows"]
    said = {row["instance"].split("/")[1]: row["stdout"].split() for row in table}
    assert {instance: words[0] for instance, words in said.items()} == {row["id"]: row["id"] for row in rows}
    assert all(row["exit_code"] in ("0", 0) for row in table)
    for row in rows:
        until("the session's user goes", 60, partial(nobody_visits, site, row))


def nobody_visits(site: Site, row: dict[str, Any]) -> bool:
    return "bosh_" not in site.host.path(row["vm_cid"], "/etc/passwd").read_text()


@contextmanager
def agent_stands_still(site: Site, row: dict[str, Any]) -> Iterator[None]:
    """Whoever asks it waits meanwhile."""
    pid = site.host.process(row["vm_cid"], "meristem-agent.pyz")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def deploy_slowly(site: Site, greeting: str) -> int:
    """A deploy that takes a few seconds; the task's id."""
    body = yaml.safe_dump(manifest(web=1, stemcell="latest", greeting=greeting), sort_keys=False).encode()
    return site.api.start("POST", "/deployments", body=body, kind="text/yaml")


def test_task_follows_to_the_end(site: Site) -> None:
    task = deploy_slowly(site, "Followed")
    process = site.begin_cli("--tty", "task", str(task))
    out, _ = process.communicate(timeout=180)
    assert process.returncode == 0, out
    assert "Updating instance web: web/" in out
    assert f"Task {task} done" in out
    assert site.api.get(f"/tasks/{task}")["state"] == "done"


def test_ctrl_c_detaches_and_the_task_goes_on(site: Site) -> None:
    path = site.directory / "left.yml"
    path.write_text(yaml.safe_dump(manifest(web=1, stemcell="latest", greeting="Left alone"), sort_keys=False))
    with agent_stands_still(site, row_of(site, "web/0")):  # so the task does not end before it is left
        process = site.begin_cli("-d", NAME, "deploy", str(path))
        assert process.stdout is not None
        try:
            said = ""
            while not (begun := re.search(r"Task (\d+) \|", said)) and (more := process.stdout.read(1)):
                said += more
            assert begun, said
            process.send_signal(signal.SIGINT)
            said += process.stdout.read()
            assert process.wait(60) != 0, said
        finally:
            process.kill()
            process.wait()
        task = int(begun[1])
        assert site.api.get(f"/tasks/{task}")["state"] == "processing"
    finished = site.api.wait(task)
    assert "Updating instance" in finished.stages()
    assert site.inside.get(row_of(site, "web/0")["ips"][0])["greeting"] == "Left alone"
