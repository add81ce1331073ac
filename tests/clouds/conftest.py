"""What holds for all tests of clouds: their marker, how long each may take, and what their clients say that is no fault of ours."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

pytest.register_assert_rewrite("tests.clouds.deploys.story")  # what differs is told

HERE = Path(__file__).parent
SECONDS = {"libvirt": 900, "openstack": 480, "several": 600, "stemcells": 1200, "vsphere": 480}
"""Folder -> how long a test of it may take, with what it is the first to need: machines boot on an emulated processor, and others may use the real one."""
DEPLOY_ORDER = ("deploy", "guests", "deploy_faults", "teardown")
"""Any file of a `deploy` folder runs alone; in this order none has to deploy anew what another one has deployed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        folder = item.path.relative_to(HERE).parts[0]
        item.add_marker(pytest.mark.clouds)
        item.add_marker(pytest.mark.timeout(SECONDS[folder]))
        if folder in ("openstack", "several"):  # openstacksdk announces its next versions by them
            item.add_marker(pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"))
    for folder in sorted({item.path.parent for item in ours if item.path.parent.name == "deploy"}):
        _in_order(items, [item for item in ours if item.path.parent == folder])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Whole files go to workers, and the folders of deployments as if they were one.

    All guests of one OpenStack belong to one worker, as its volumes' loop devices are counted.
    """
    from xdist.scheduler import LoadFileScheduling  # only where several workers run

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = PurePosixPath(nodeid.partition("::")[0])
            return "guests" if file.parent.name in ("deploy", "several") else str(file)

    return Files(config, log) if config.getvalue("dist") == "loadfile" else None


def _in_order(items: list[pytest.Item], deploys: list[pytest.Item]) -> None:
    """Put them, in place, in the order of their files."""
    cloud = deploys[0].path.parent.parent.name

    def place(item: pytest.Item) -> int:
        return DEPLOY_ORDER.index(item.path.stem.removeprefix(f"test_{cloud}_"))

    places = [number for number, item in enumerate(items) if item in deploys]
    for number, item in zip(places, sorted(deploys, key=place), strict=True):
        items[number] = item
