"""Deleting the deployment leaves its disk, on the machine and in the director's list; deleting the disk leaves nothing."""

from __future__ import annotations

from tests.e2e.lab.calls import cpi_calls
from tests.e2e.lab.host import Inventory
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import Site

NOTHING = Inventory(frozenset(), frozenset(), {}, (), ())


def test_delete_leaves_the_orphaned_disk_alone(site: Site) -> None:
    site.api.deploy(manifest(web=1, stemcell="latest"))
    for orphan in site.api.get("/disks"):
        site.api.run("DELETE", f"/disks/{orphan['disk_cid']}")
    rows = site.api.instances(NAME)
    (disk,) = [row["disk_cid"] for row in rows if row["disk_cid"]]
    inode = site.host.inventory().disks[disk]
    deleted = site.api.delete_deployment(NAME)
    calls = cpi_calls(site.api, deleted.task["id"])
    assert (calls["delete_vm"], calls["delete_disk"]) == (2, 0)
    assert site.host.inventory() == Inventory(frozenset(), frozenset(), {disk: inode}, (), ())
    assert site.api.get("/deployments") == []
    (orphan,) = site.api.get("/disks")
    assert (orphan["disk_cid"], orphan["deployment_name"]) == (disk, NAME)
    assert orphan["instance_name"].startswith("store/")

    site.cli("delete-disk", disk)
    assert site.api.get("/disks") == []
    assert site.host.inventory() == NOTHING
