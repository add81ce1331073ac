"""The core's deployment on vCenter, from a manifest to running jobs; after each step vCenter is asked by its own API what came of it."""

from __future__ import annotations

import json

import pytest
from pyVmomi import vim

from tests.clouds.deploys.story import Story
from tests.clouds.vsphere.deploy.vsphere_site import DISK_STORE, DISKS, VM_STORE
from tests.e2e.lab.shop import NAME


@pytest.fixture(scope="module")
def story(site):
    """One store and two web fronts, from nothing."""
    return Story.begin(site, web=2, disk="small")


def file_of(cid):
    """Of a persistent disk."""
    return f"[{DISK_STORE}] {DISKS}/{cid}.vmdk"


def test_from_nothing_to_running(story):
    story.runs_from_nothing()


def test_the_stemcell_is_a_vm_with_a_snapshot(site, story):
    [stemcell] = site.api.get("/stemcells")
    vm = site.seen.vm(stemcell["cid"])
    assert (vm.parent.name, vm.runtime.powerState) == ("templates", "poweredOff")
    assert [one.name for one in vm.snapshot.rootSnapshotList] == ["initial"]


def test_each_vm_has_the_hardware_that_was_asked_for(site, story):
    network = site.seen.named(vim.dvs.DistributedVirtualPortgroup, "DC0_DVPG0")
    for row in site.api.instances(NAME):
        vm = site.seen.vm(row["vm_cid"])
        assert (vm.runtime.powerState, vm.runtime.host.parent.name) == ("poweredOn", "DC0_C0")
        assert (vm.config.hardware.numCPU, vm.config.hardware.memoryMB) == (1, 256)
        [card] = site.seen.devices(vm, vim.vm.device.VirtualEthernetCard)
        assert card.backing.port.portgroupKey == network.key
        [drive] = site.seen.devices(vm, vim.vm.device.VirtualCdrom)
        assert drive.backing.fileName == f"[{VM_STORE}] {row['vm_cid']}/env.iso"
        disks = site.seen.devices(vm, vim.vm.device.VirtualDisk)
        assert [disk.unitNumber for disk in disks] == ([0, 1, 2] if row["job_name"] == "store" else [0, 1])
        assert disks[1].capacityInKB == 1024 * 1024


def test_each_vm_says_what_it_is_for(site, story):
    for row in site.api.instances(NAME):
        said = site.seen.attributes(site.seen.vm(row["vm_cid"]))
        wanted = {"deployment": NAME, "job": row["job_name"], "index": str(row["index"]), "id": row["id"]}
        assert {key: said.get(key) for key in wanted} == wanted


def test_the_agent_read_its_settings_from_the_cd(site, story):
    story.agents_have_their_settings()
    for row in site.api.instances(NAME):
        read = json.loads(site.host.path(row["vm_cid"], "/var/vcap/bosh/settings.json").read_text())
        assert read["vm"]["name"] == row["vm_cid"]


def test_the_disk_is_a_file_of_its_own_and_mounted(site, story):
    story.data_lie_on_the_disk()
    [store] = site.group("store")
    assert site.disk_files() == {file_of(store["disk_cid"])}
    assert site.seen.disk_paths(site.seen.vm(store["vm_cid"]))[2] == file_of(store["disk_cid"])


def test_an_unchanged_deploy_calls_nobody(site, story):
    asked = len(site.wire.calls)
    story.unchanged_calls_nobody()
    assert len(site.wire.calls) == asked, "vCenter was asked something"


def test_a_changed_property_updates_in_place(story):
    story.a_property_changes_in_place()


def test_a_vm_that_is_off_is_rebooted(story):
    story.a_vm_that_is_off_is_rebooted()


def test_recreate_gives_a_new_vm_with_the_old_disk(site, story):
    step = story.recreate_keeps_the_disk()
    [store] = site.group("store")
    assert site.seen.vm(step.before[store["id"]]["vm_cid"]) is None
    assert site.seen.disk_paths(site.seen.vm(store["vm_cid"]))[2] == file_of(store["disk_cid"])


def test_a_new_stemcell_gives_new_vms_with_the_old_disk(site, story):
    story.a_new_stemcell_keeps_the_bytes()
    cids = {one["version"]: one["cid"] for one in site.api.get("/stemcells")}
    [name] = {one["name"] for one in site.api.get("/stemcells")}
    site.api.run("DELETE", f"/stemcells/{name}/1.0")
    assert site.seen.vm(cids["1.0"]) is None
    assert site.seen.vm(cids["1.1"]) is not None


def test_scaling_touches_only_the_difference(story):
    story.scaling_touches_only_the_difference()


def test_a_larger_disk_takes_over_the_data(site, story):
    step = story.a_larger_disk_takes_over_the_data("default")
    [store] = site.group("store")
    attached = site.seen.devices(site.seen.vm(store["vm_cid"]), vim.vm.device.VirtualDisk)[2:]
    assert [one.backing.fileName for one in attached] == [file_of(store["disk_cid"])]
    assert attached[0].capacityInKB == 256 * 1024
    [old] = step.before[store["id"]]["disk_cids"]
    assert site.disk_files() == {file_of(old), file_of(store["disk_cid"])}
    story.an_orphan_is_deleted()
