"""Rollouts under watch: a new stemcell, one VM at a time; and a canary that fails and stops the rest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.lab.calls import agent_calls_by_agent, cpi_calls
from tests.e2e.lab.killing import read_journal
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import Site
from tests.e2e.loopback.api import running


@pytest.fixture(autouse=True)
def shop(site: Site) -> Iterator[list[dict[str, Any]]]:
    """The demo with two web fronts."""
    site.api.deploy(manifest(stemcell="latest"))
    yield site.api.instances(NAME)


def web_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((row for row in rows if row["job_name"] == "web"), key=lambda row: row["index"])


def spans(journal: list[dict[str, Any]], instances: list[str]) -> list[tuple[float, float]]:
    """For each instance, from its first step's intent to its last step's result, in the stage of updates."""
    found: list[tuple[float, float]] = []
    for instance in instances:
        steps = [one for one in journal if one["step_id"].startswith(f"update/{instance}/")]
        assert steps, f"{instance} was not updated"
        found.append((min(one["intended_at"] for one in steps), max(one["ended_at"] for one in steps)))
    return sorted(found)


def test_a_failing_canary_stops_the_rollout(site: Site, shop: list[dict[str, Any]]) -> None:
    """Its job cannot listen on port 1 as vcap: monit does not see it running, or, on a slow machine, post-start finds nobody."""
    canary, other = web_of(shop)
    failed = site.api.deploy(manifest(stemcell="latest", watch="100-3000", port=1), expect="error")
    assert failed.tasks_of("Updating instance") == []
    told = [event for event in failed.events if event.get("state") == "failed"]
    assert [event["task"] for event in told] == [f"web/{canary['id']} (0) (canary)"]
    message = failed.events[-1]["error"]["message"]
    assert "is not running after update" in message or "1 of 1 post-start scripts failed" in message
    asked = agent_calls_by_agent(site.api, failed.task["id"])[other["agent_id"]]
    assert asked == {"get_state": 1}, "the rollout went on: planning asks whether an agent is there, and no more"
    assert cpi_calls(site.api, failed.task["id"]) == {}
    answer = site.inside.get(other["ips"][0])
    assert answer["instance"]["id"] == other["id"]
    rows = site.api.instances(NAME)
    assert running(rows) == {"store/0", "web/1"}
    mended = site.api.deploy(manifest(stemcell="latest"))
    assert running(site.api.instances(NAME)) == {"store/0", "web/0", "web/1"}
    assert set(agent_calls_by_agent(site.api, mended.task["id"])) == {canary["agent_id"]}


def test_a_new_stemcell_replaces_one_vm_at_a_time(site: Site, shop: list[dict[str, Any]]) -> None:
    site.api.upload_stemcell(site.build_stemcell("1.1"))
    addresses = [row["ips"][0] for row in web_of(shop)]
    count = site.inside.get(addresses[0])["store"]["counter"]
    disk = site.host.inventory().disks
    with site.inside.watch(addresses) as seen:
        finished = site.api.deploy(manifest(stemcell="1.1"))
    rows = site.api.instances(NAME)
    assert {row["stemcell"]["version"] for row in rows} == {"1.1"}
    assert running(rows) == {"store/0", "web/0", "web/1"}
    assert not {row["vm_cid"] for row in rows} & {row["vm_cid"] for row in shop}
    assert {row["id"] for row in rows} == {row["id"] for row in shop}
    assert [row["ips"] for row in web_of(rows)] == [row["ips"] for row in web_of(shop)]
    assert site.host.inventory().domains == {row["vm_cid"] for row in rows}

    calls = cpi_calls(site.api, finished.task["id"])
    compiled = len(finished.tasks_of("Compiling packages"))
    assert compiled == 2, "packages are compiled for each stemcell"
    assert calls["create_vm"] == calls["delete_vm"]
    assert 4 <= calls["create_vm"] <= 3 + compiled
    assert (calls["create_disk"], calls["delete_disk"], calls["detach_disk"], calls["attach_disk"]) == (0, 0, 1, 1)

    times = spans(read_journal(site, finished.task["id"]), [row["id"] for row in shop])
    for (_, end), (begin, _) in pairwise(times):
        assert end <= begin, f"two VMs were replaced at once: {times}"
    assert all(seen.failures[address] for address in addresses), "nobody saw a web front go"
    # a round that meets the one just before and the other just after their change is no outage; two in a row are
    silent = [not answered for answered in seen.rounds]
    assert not any(one and two for one, two in pairwise(silent)), "no web front answered"

    assert site.host.inventory().disks == disk, "the disk is another one"
    assert site.inside.get(addresses[0])["store"]["counter"] == count + 1
