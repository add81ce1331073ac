"""Deleted: vCenter and the lab are as they were."""

from __future__ import annotations

from lab import loops
from tests.clouds.deploys.story import deletion_leaves_the_disk_alone
from tests.e2e.lab.shop import manifest
from tests.e2e.lab.site import until


def test_deletion_leaves_the_disk_alone(site):
    site.api.deploy(manifest(web=1, stemcell="latest"))  # as an earlier file leaves it
    deletion_leaves_the_disk_alone(site)


def test_nothing_is_left(site):
    site.remove_all()
    assert (site.vms(), site.disk_files()) == (set(), set())
    for stemcell in site.api.get("/stemcells"):
        site.api.run("DELETE", f"/stemcells/{stemcell['name']}/{stemcell['version']}")
    assert site.inventory() == site.untouched
    guests = site.directory / "vms" / "guests"
    until("the watcher has removed the guests", 10, lambda: not guests.exists() or not list(guests.iterdir()))
    left = site.host.inventory()
    assert (left.domains, left.mounts) == (frozenset(), ())
    assert [one.file for one in loops.attached() if one.file.startswith(f"{site.directory}/")] == []
