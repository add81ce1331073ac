"""A VM on real libvirt whose agent is led to a bus that is not there: given up early, with its console's end, and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.lab.shop import manifest
from tests.e2e.lab.site import Site

BUS = 20
"""Seconds, in which a VM boots as far as to its agent's first words on any machine."""


@pytest.fixture
def impatient(site: Site) -> Iterator[Site]:
    """The site's director with little patience."""
    before = site.config.read_text()
    document = yaml.safe_load(before)
    document["meristem"]["boot"] = {"bus": BUS, "first_look": 2, "interval": 2}
    for text in (yaml.safe_dump(document, sort_keys=False), before):
        site.stop()
        site.config.write_text(text)
        site.start()
        site.ready()
        if text != before:
            yield site


def dark(site: Site) -> dict[str, Any]:
    """One VM without jobs, so that nothing is compiled."""
    document = manifest(stemcell="latest")
    group = document["instance_groups"][0]
    group |= {"instances": 1, "jobs": [], "env": {"bosh": {"mbus": {"urls": [f"nats://{site.lab.address}:1"]}}}}
    for key in ("persistent_disk_type", "persistent_disk"):
        group.pop(key, None)
    return {**document, "name": "dark", "instance_groups": [group]}


def test_a_vm_that_does_not_come_to_the_bus(impatient: Site) -> None:
    site = impatient
    before = site.host.inventory()
    failed = site.api.deploy(dark(site), expect="error")
    (told,) = [event["data"]["error"] for event in failed.events if event.get("state") == "failed"]
    head, _, console = told.partition("\nThe end of its console:\n")
    assert head.startswith("Timed out pinging VM '")
    waited = re.search(r": it runs, but has not come to the bus for (\d+) s ", head)
    assert waited and BUS <= int(waited[1]) < 600, head
    assert f"(meristem.boot.bus allows {BUS} s); its address is 10.77.0." in head
    assert 1 <= len(console.splitlines()) <= 20
    assert "\x1b" not in console
    assert "meristem-agent: WARNING bus: [Errno 111] Connect call failed" in console
    assert any("waiting for it on the bus" in event.get("data", {}).get("status", "") for event in failed.events)
    assert site.host.inventory() == before, "nothing of it is left"
    site.api.delete_deployment("dark")
