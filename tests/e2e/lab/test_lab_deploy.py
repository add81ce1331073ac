"""The demo's deployment on real VMs: what it consists of, and which calls each change of it costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.lab.calls import agent_calls, agent_calls_by_agent, cpi_calls
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import Site
from tests.e2e.loopback.api import Finished, running


@pytest.fixture(scope="module")
def first(site: Site) -> Iterator[Finished]:
    """The deployment from nothing."""
    site.remove_all()
    yield site.api.deploy(manifest())


def group(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted((row for row in rows if row["job_name"] == name), key=lambda row: row["index"])


def vcap(site: Site, row: dict[str, Any], path: str) -> str:
    """A file below /var/vcap as the instance itself sees it."""
    return site.host.path(row["vm_cid"], f"/var/vcap/{path}").read_text()


def test_from_nothing_to_running(site: Site, first: Finished) -> None:
    rows = site.api.instances(NAME)
    assert running(rows) == {"store/0", "web/0", "web/1"}
    assert site.host.inventory().domains == {row["vm_cid"] for row in rows}, "a compilation VM is still there"
    calls = cpi_calls(site.api, first.task["id"])
    assert (calls["create_vm"] - calls["delete_vm"], calls["create_disk"], calls["attach_disk"]) == (3, 1, 1)
    for row in rows:
        states = {process["name"]: process["state"] for process in row["processes"]}
        assert states == {row["job_name"]: "running"}, "monit's process is missing"


def test_the_template_was_rendered_for_each_instance(site: Site, first: Finished) -> None:
    for row in group(site.api.instances(NAME), "web"):
        written = json.loads(vcap(site, row, "jobs/web/config/web.json"))
        assert written["instance"] == {"name": "web", "index": row["index"], "id": row["id"], "az": "z1"}
        assert written["greeting"] == "Hello from Meristem"


def test_the_package_was_compiled_with_the_one_it_needs(site: Site, first: Finished) -> None:
    compiled = [task.split("/")[0] for task in first.tasks_of("Compiling packages")]
    assert compiled == ["runtime-lib", "greeter"]
    for row in site.api.instances(NAME):
        assert vcap(site, row, "packages/greeter/version") == "greeter 1\n"
        assert not site.host.path(row["vm_cid"], "/var/vcap/packages/runtime-lib").exists(), (
            "a package needed only for compilation was installed"
        )


def test_the_scripts_ran_in_their_order(site: Site, first: Finished) -> None:
    for row in site.api.instances(NAME):
        log = vcap(site, row, f"sys/log/{row['job_name']}/lifecycle.log")
        assert [line.split()[1] for line in log.splitlines()][:2] == ["pre-start", "post-start"]


def test_the_link_carries_the_address_and_the_secret(site: Site, first: Finished) -> None:
    """Through HTTP: each web front finds the store by its link and counts with the generated password."""
    rows = site.api.instances(NAME)
    (store,) = group(rows, "store")
    answers = [site.inside.get(row["ips"][0]) for row in group(rows, "web")]
    assert [answer["instance"]["index"] for answer in answers] == [0, 1]
    assert {answer["store"]["instance"]["id"] for answer in answers} == {store["id"]}
    counts = [answer["store"]["counter"] for answer in answers]
    assert counts[1] == counts[0] + 1
    linked = json.loads(vcap(site, group(rows, "web")[0], "jobs/web/config/web.json"))["store"]
    assert linked["address"] == store["ips"][0]
    assert linked["password"] == json.loads(vcap(site, store, "jobs/store/config/store.json"))["password"]
    assert len(linked["password"]) >= 16


def test_the_disk_is_mounted_and_holds_the_counter(site: Site, first: Finished) -> None:
    rows = site.api.instances(NAME)
    (store,) = group(rows, "store")
    count = site.inside.get(group(rows, "web")[0]["ips"][0])["store"]["counter"]
    assert vcap(site, store, "store/demo/counter") == str(count)
    mounts = site.host.path(store["vm_cid"], "/proc/1/mounts").read_text().splitlines()
    assert [line.split()[2] for line in mounts if line.split()[1] == "/var/vcap/store"] == ["ext4"]
    assert site.host.inventory().loops == (str(site.host.state / "disks" / store["disk_cid"] / "disk.raw"),)


def test_an_unchanged_deploy_calls_nobody(site: Site, first: Finished) -> None:
    before = site.host.starts()
    finished = site.api.deploy(manifest())
    assert cpi_calls(site.api, finished.task["id"]) == {}
    assert agent_calls(site.api, finished.task["id"]) == {}
    assert site.host.starts() == before
    assert "Updating instance" not in finished.stages()


def test_a_changed_property_updates_in_place(site: Site, first: Finished) -> None:
    rows = site.api.instances(NAME)
    finished = site.api.deploy(manifest(greeting="Good day"))
    assert cpi_calls(site.api, finished.task["id"]) == {}, "a changed property needs no call of the cloud"
    web = group(rows, "web")
    assert set(agent_calls_by_agent(site.api, finished.task["id"])) == {row["agent_id"] for row in web}
    updated = finished.tasks_of("Updating instance")
    assert [task.endswith("(canary)") for task in updated] == [True, False]
    assert {site.inside.get(row["ips"][0])["greeting"] for row in web} == {"Good day"}
    again = {row["id"]: row["vm_cid"] for row in site.api.instances(NAME)}
    assert again == {row["id"]: row["vm_cid"] for row in rows}
    for row in web:
        log = [line.split()[1] for line in vcap(site, row, "sys/log/web/lifecycle.log").splitlines()]
        assert log == ["pre-start", "post-start", "drain", "pre-start", "post-start"]


def test_scaling_touches_only_the_difference(site: Site, first: Finished) -> None:
    site.api.deploy(manifest())
    before = {row["agent_id"]: row for row in site.api.instances(NAME)}
    up = site.api.deploy(manifest(web=4)).task["id"]
    assert cpi_calls(site.api, up) == {"create_vm": 2, "set_vm_metadata": 2}
    four = {row["agent_id"]: row for row in site.api.instances(NAME)}
    new = set(four) - set(before)
    assert running(four.values()) == {"store/0", "web/0", "web/1", "web/2", "web/3"}
    assert set(agent_calls_by_agent(site.api, up)) == new, "an instance that did not change was called"
    down = site.api.deploy(manifest(web=1)).task["id"]
    left = {row["agent_id"]: row for row in site.api.instances(NAME)}
    assert running(left.values()) == {"store/0", "web/0"}
    assert cpi_calls(site.api, down) == {"delete_vm": 3}
    assert set(agent_calls_by_agent(site.api, down)) == set(four) - set(left)
    assert site.host.inventory().domains == {row["vm_cid"] for row in left.values()}
