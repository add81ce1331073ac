"""Deleted: the project and the lab are as they were."""

from __future__ import annotations

from lab import loops
from tests.clouds.deploys.story import deletion_leaves_the_disk_alone
from tests.e2e.lab.shop import manifest
from tests.e2e.lab.site import until


def test_deletion_leaves_the_disk_alone(site):
    wanted = manifest(web=1, stemcell="latest")
    wanted["instance_groups"][0]["persistent_disk_type"] = "bigger"  # as an earlier file leaves it
    site.api.deploy(wanted)
    deletion_leaves_the_disk_alone(site)


def test_nothing_is_left(site):
    site.remove_all()
    left = site.inventory()
    assert (left["servers"], left["volumes"], left["ports"]) == ([], [], [])
    for stemcell in site.api.get("/stemcells"):
        site.api.run("DELETE", f"/stemcells/{stemcell['name']}/{stemcell['version']}")
    assert site.inventory() == site.untouched
    guests = site.directory / "vms" / "guests"
    until("the watcher has removed the guests", 10, lambda: not guests.exists() or not list(guests.iterdir()))
    inventory = site.host.inventory()
    assert (inventory.domains, inventory.mounts) == (frozenset(), ())
    stack = str(site.tenant.stack.directory)
    assert [one.file for one in loops.attached() if one.file.startswith(f"{stack}/")] == []
