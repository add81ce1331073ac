"""What holds for all tests of clouds: their marker, how long each may take, and what their clients say that is no fault of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.clouds.deploys.story")  # what differs is told

HERE = Path(__file__).parent
SECONDS = {"libvirt": 900, "openstack": 480, "several": 600, "stemcells": 1200, "vsphere": 480}
"""Folder -> how long a test of it may take, with what it is the first to need: machines boot on an emulated processor, and others may use the real one."""
DEPLOY_ORDER = ("deploy", "guests", "deploy_faults", "teardown")
"""Any file of a `deploy` folder runs alone; in this order none has to deploy anew what another one has deployed."""


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        folder = item.path.relative_to(HERE).parts[0]
        item.add_marker(pytest.mark.clouds)
        item.add_marker(pytest.mark.timeout(SECONDS[folder]))
        item.add_marker(pytest.mark.xdist_group(_group(item)))
        if folder in ("openstack", "several"):  # openstacksdk announces its next versions by them
            item.add_marker(pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"))
    for folder in sorted({item.path.parent for item in ours if item.path.parent.name == "deploy"}):
        _in_order(items, [item for item in ours if item.path.parent == folder])


def _group(item: pytest.Item) -> str:
    """What one worker of several must have alone: all guests of one OpenStack, as its volumes' loop devices are counted; else a file."""
    return "guests" if item.path.parent.name in ("deploy", "several") else item.path.stem


def _in_order(items: list[pytest.Item], deploys: list[pytest.Item]) -> None:
    """Put them, in place, in the order of their files."""
    cloud = deploys[0].path.parent.parent.name

    def place(item: pytest.Item) -> int:
        return DEPLOY_ORDER.index(item.path.stem.removeprefix(f"test_{cloud}_"))

    places = [number for number, item in enumerate(items) if item in deploys]
    for number, item in zip(places, sorted(deploys, key=place), strict=True):
        items[number] = item
