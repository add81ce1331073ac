"""The kit notices mistakes: a good CPI passes every case, and of many broken ones each is caught by the case that is about its mistake."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cpi import plugins
from cpi.conformance.check import Check, all_cases, chosen
from cpi.conformance.clients import InProcess
from cpi.conformance.config import Config, parse
from cpi.conformance.result import Report
from cpi.conformance.run import run
from tests.contract.cpi import mistaken_disks, mistaken_keys, mistaken_vms, mistaken_wire, tiny_probes
from tests.contract.cpi.mistakes import BROKEN
from tests.contract.cpi.tiny_cloud import TinyCloud

ROOMS = (mistaken_wire, mistaken_vms, mistaken_keys, mistaken_disks)
"""Loading them fills the table."""
SECRET = "hunter2hunter2"


def config(**more: Any) -> Config:
    probes = {
        name: f"tests.contract.cpi.tiny_probes:{name}" for name in ("inventory", "settings", "write", "read", "vanish")
    }
    given: dict[str, Any] = {
        "properties": {"password": SECRET},
        "managed_network": {"type": "manual", "range": "10.9.0.0/24", "cloud_properties": {}},
        "impossible": {"vm": {"cloud_properties": {"memory": 1 << 20}}, "disk": {"size": 1 << 20}},
        "timeouts": {"default": 60, "reboot_vm": 3},
        "probes": probes,
    }
    return parse(given | more)


def check(cloud: TinyCloud, client: type[InProcess], *only: str) -> Report:
    tiny_probes.cloud = cloud
    given = client(plugins.wrap("tiny", cloud))
    one = Check("tiny", config(), client=given)
    return asyncio.run(run(one, chosen(only)))


def test_a_good_cpi_passes_every_case() -> None:
    cloud = TinyCloud()
    report = check(cloud, InProcess)
    assert [(one.case.id, one.outcome, one.seen) for one in report.results if one.outcome != "passed"] == []
    assert len(report.results) == len(all_cases())
    assert report.good
    assert cloud.inventory() == []


def test_there_are_mistakes_enough() -> None:
    assert len(BROKEN) >= 30
    of = {name.partition(":")[0] for name in BROKEN}
    assert of <= {one.id for one in all_cases()}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_is_caught(name: str) -> None:
    cloud, client = BROKEN[name]
    case = name.partition(":")[0]
    only = ["vm.create.networks", case] if case == "leak.nothing-left" else [case]
    report = check(cloud(), client, *only)
    result = next(one for one in report.results if one.case.id == case)
    assert result.outcome == "failed", result
    assert result.seen
    assert SECRET not in result.seen
