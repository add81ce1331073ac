"""One manifest on three clouds: a node of a cluster on each, and each cloud is asked by its own API what came of it."""

from __future__ import annotations

import pytest
from pyVmomi import vim

from tests.clouds.several.several_site import NAME, manifest
from tests.clouds.watched_site import error_of
from tests.e2e.lab.calls import agent_calls, cpi_calls
from tests.e2e.lab.site import until
from tests.e2e.loopback.api import running

ALL = {"store/0", "store/1", "store/2", "web/0"}


@pytest.fixture(scope="module")
def first(site):
    """The deployment from nothing."""
    site.remove_all()
    return site.deploy(manifest())


def servers(site):
    return {one.id: one for one in site.tenant.member.compute.servers()}


def vcenter_vms(site):
    folder = next((one for one in site.seen.all(vim.Folder) if one.name == "vms"), None)
    return {vm.name: vm for vm in folder.childEntity} if folder else {}


def boots(site):
    """Each VM with what its cloud says of its making: nothing of this changes where nothing is to be done."""
    ids, mine = site.host.ids(), site.host.inventory().vms  # the watchers' guests are domains as well
    nova = {cid: one.created_at for cid, one in servers(site).items()}
    vcenter = {name: (vm._moId, vm.summary.runtime.bootTime) for name, vm in vcenter_vms(site).items()}
    return {**nova, **vcenter, **{name: ids.get(name) for name in mine}}


def test_a_node_runs_on_each_cloud(site, first):
    assert running(site.api.instances(NAME)) == ALL
    stores, [web] = site.rows("store"), site.rows("web").values()
    assert set(servers(site)) == {stores["z1"]["vm_cid"]}
    assert set(vcenter_vms(site)) == {stores["z2"]["vm_cid"]}
    assert site.host.inventory().vms == {stores["z3"]["vm_cid"], web["vm_cid"]}
    assert servers(site)[stores["z1"]["vm_cid"]].status == "ACTIVE"
    assert vcenter_vms(site)[stores["z2"]["vm_cid"]].runtime.powerState == "poweredOn"


def test_each_cloud_has_the_stemcell_of_its_kind(site, first):
    kinds = {row["cpi"]: row["name"] for row in site.api.get("/stemcells")}
    assert set(kinds) == {"openstack", "vsphere", "local"}
    assert len(set(kinds.values())) == 3


def test_each_node_has_its_disk_on_its_own_cloud(site, first):
    stores = site.rows("store")
    [volume] = site.tenant.member.block_storage.volumes()
    assert (volume.id, volume.status) == (stores["z1"]["disk_cid"], "in-use")
    assert [one["server_id"] for one in volume.attachments] == [stores["z1"]["vm_cid"]]
    paths = site.seen.disk_paths(vcenter_vms(site)[stores["z2"]["vm_cid"]])
    assert paths[-1].endswith(f" meristem_disks/{stores['z2']['disk_cid']}.vmdk")
    assert set(site.host.inventory().disks) == {stores["z3"]["disk_cid"]}
    for row in stores.values():
        mounts = site.host.path(row["vm_cid"], "/proc/1/mounts").read_text().splitlines()
        assert "/var/vcap/store" in {line.split()[1] for line in mounts}


def test_a_link_leads_from_one_cloud_to_another(site, first):
    [web], stores = site.rows("web").values(), site.rows("store")
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    [far] = [row for row in stores.values() if row["index"] == 0]
    assert far["az"] == "z1"
    assert site.host.path(far["vm_cid"], "/var/vcap/store/demo/counter").read_text() == str(count)


def test_an_unchanged_deploy_asks_no_cloud(site, first):
    before, asked = boots(site), (len(site.proxy.seen), len(site.wire.calls))
    finished = site.deploy(manifest())
    assert (cpi_calls(site.api, finished.task["id"]), agent_calls(site.api, finished.task["id"])) == ({}, {})
    assert (len(site.proxy.seen), len(site.wire.calls)) == asked
    assert boots(site) == before


def test_a_changed_property_updates_in_place(site, first):
    before = boots(site)
    wanted = manifest()
    wanted["instance_groups"][1]["jobs"][0]["properties"]["greeting"] = "Good day"
    finished = site.deploy(wanted)
    assert cpi_calls(site.api, finished.task["id"]) == {}
    [web] = site.rows("web").values()
    assert site.inside.get(web["ips"][0])["greeting"] == "Good day"
    assert boots(site) == before


def test_nodes_are_made_anew_with_their_disks(site, first):
    before, [web] = site.rows("store"), site.rows("web").values()
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    for index in range(3):
        site.cli("-d", NAME, "recreate", f"store/{index}")
    now = site.rows("store")
    assert running(site.api.instances(NAME)) == ALL
    assert {zone: row["disk_cids"] for zone, row in now.items()} == {
        zone: row["disk_cids"] for zone, row in before.items()
    }
    assert not {row["vm_cid"] for row in now.values()} & {row["vm_cid"] for row in before.values()}
    assert set(servers(site)) | set(vcenter_vms(site)) | site.host.inventory().vms == {
        row["vm_cid"] for row in site.api.instances(NAME)
    }
    assert site.inside.get(web["ips"][0])["store"]["counter"] == count + 1


def test_where_one_cloud_refuses_the_others_stay_and_the_next_deploy_goes_on(site, first):
    wanted = manifest()
    wanted["instance_groups"][1].update(instances=3, azs=["z1", "z2", "z3"])
    tenant, before = site.tenant, boots(site)
    tenant.admin.set_compute_quotas(tenant.project.id, instances=1)
    try:
        told = error_of(site.deploy(wanted, expect="error"))
    finally:
        tenant.admin.set_compute_quotas(tenant.project.id, instances=100)
    assert "Quota exceeded for instances" in told and "openstack" in told, told
    there = boots(site)
    assert before.items() <= there.items()
    finished = site.deploy(wanted)
    assert running(site.api.instances(NAME)) == ALL | {"web/1", "web/2"}
    assert there.items() <= boots(site).items(), "a VM that the failed deploy had made was made again"
    assert cpi_calls(site.api, finished.task["id"])["create_vm"] == len(boots(site)) - len(there) >= 1
    assert {row["az"] for row in site.rows("web").values()} == {"z1", "z2", "z3"}
    assert len(servers(site)) == 2 and len(vcenter_vms(site)) == 2 and len(site.host.inventory().vms) == 2


def test_deleted_everywhere(site, first):
    site.remove_all()
    for stemcell in site.api.get("/stemcells"):
        site.api.run("DELETE", f"/stemcells/{stemcell['name']}/{stemcell['version']}", force="true")
    assert {**site.inventory(), "local": site.untouched["local"]} == site.untouched
    until("the watchers have removed the guests", 30, lambda: site.inventory() == site.untouched, pause=0.5)
