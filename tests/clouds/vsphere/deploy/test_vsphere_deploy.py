"""The core's deployment on vCenter, from a manifest to running jobs; after each step vCenter is asked by its own API what came of it."""

from __future__ import annotations

import json

import pytest
from pyVmomi import vim

from tests.clouds.vsphere.deploy.vsphere_site import DISK_STORE, DISKS, VM_STORE
from tests.e2e.lab.calls import agent_calls, cpi_calls
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.loopback.api import running


@pytest.fixture(scope="module")
def first(site):
    """The deployment from nothing."""
    site.remove_all()
    return site.api.deploy(manifest())


def test_from_nothing_to_running(site, first):
    rows = site.api.instances(NAME)
    assert running(rows) == {"store/0", "web/0", "web/1"}
    assert site.vms() == {row["vm_cid"] for row in rows}, "a compilation VM is still there"
    calls = cpi_calls(site.api, first.task["id"])
    assert (calls["create_vm"] - calls["delete_vm"], calls["create_disk"], calls["attach_disk"]) == (3, 1, 1)


def test_the_stemcell_is_a_vm_with_a_snapshot(site, first):
    [stemcell] = site.api.get("/stemcells")
    vm = site.seen.vm(stemcell["cid"])
    assert (vm.parent.name, vm.runtime.powerState) == ("templates", "poweredOff")
    assert [one.name for one in vm.snapshot.rootSnapshotList] == ["initial"]


def test_each_vm_has_the_hardware_that_was_asked_for(site, first):
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


def test_each_vm_says_what_it_is_for(site, first):
    for row in site.api.instances(NAME):
        said = site.seen.attributes(site.seen.vm(row["vm_cid"]))
        wanted = {"deployment": NAME, "job": row["job_name"], "index": str(row["index"]), "id": row["id"]}
        assert {key: said.get(key) for key in wanted} == wanted


def test_the_agent_read_its_settings_from_the_cd(site, first):
    for row in site.api.instances(NAME):
        read = json.loads(site.host.path(row["vm_cid"], "/var/vcap/bosh/settings.json").read_text())
        assert (read["vm"]["name"], read["agent_id"]) == (row["vm_cid"], row["agent_id"])
        assert not site.host.path(row["vm_cid"], "/var/vcap/seed/settings.json").exists(), (
            "settings came by a way that vSphere has not"
        )


def test_the_disk_is_a_file_of_its_own_and_mounted(site, first):
    [store], [web, _] = site.group("store"), site.group("web")
    path = f"[{DISK_STORE}] {DISKS}/{store['disk_cid']}.vmdk"
    assert site.disk_files() == {path}
    assert site.seen.disk_paths(site.seen.vm(store["vm_cid"]))[2] == path
    mounts = site.host.path(store["vm_cid"], "/proc/1/mounts").read_text().splitlines()
    kinds = {line.split()[1]: line.split()[2] for line in mounts}
    assert (kinds["/var/vcap/store"], kinds["/var/vcap/data"]) == ("ext4", "ext4")
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    assert site.host.path(store["vm_cid"], "/var/vcap/store/demo/counter").read_text() == str(count)


def test_an_unchanged_deploy_calls_nobody(site, first):
    boots, asked = site.boots(), len(site.wire.calls)
    finished = site.api.deploy(manifest())
    assert (cpi_calls(site.api, finished.task["id"]), agent_calls(site.api, finished.task["id"])) == ({}, {})
    assert len(site.wire.calls) == asked, "vCenter was asked something"
    assert site.boots() == boots


def test_a_changed_property_updates_in_place(site, first):
    boots = site.boots()
    finished = site.api.deploy(manifest(greeting="Good day"))
    assert cpi_calls(site.api, finished.task["id"]) == {}
    assert {site.inside.get(row["ips"][0])["greeting"] for row in site.group("web")} == {"Good day"}
    assert site.boots() == boots


def test_recreate_gives_a_new_vm_with_the_old_disk(site, first):
    [store], [web, _] = site.group("store"), site.group("web")
    count, files = site.inside.get(web["ips"][0])["store"]["counter"], site.disk_files()
    site.cli("-d", NAME, "recreate", "store/0")
    [now] = site.group("store")
    assert now["vm_cid"] != store["vm_cid"]
    assert (now["disk_cids"], site.disk_files()) == (store["disk_cids"], files)
    assert site.seen.vm(store["vm_cid"]) is None
    assert len(site.seen.disk_paths(site.seen.vm(now["vm_cid"]))) == 3
    assert site.inside.get(web["ips"][0])["store"]["counter"] == count + 1


def test_scaling_touches_only_the_difference(site, first):
    boots = site.boots()
    up = site.api.deploy(manifest(web=3, greeting="Good day")).task["id"]
    assert cpi_calls(site.api, up) == {"create_vm": 1, "set_vm_metadata": 1}
    now = site.boots()
    assert {name: now.get(name) for name in boots} == boots
    assert set(now) == {row["vm_cid"] for row in site.api.instances(NAME)}
    down = site.api.deploy(manifest(web=1, greeting="Good day")).task["id"]
    assert cpi_calls(site.api, down) == {"delete_vm": 2}
    assert site.vms() == {row["vm_cid"] for row in site.api.instances(NAME)}
    assert len(site.vms()) == 2


def test_a_larger_disk_takes_over_the_data(site, first):
    [store], [web] = site.group("store"), site.group("web")
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    wanted = manifest(web=1, greeting="Good day")
    wanted["instance_groups"][0]["persistent_disk_type"] = "default"
    site.api.deploy(wanted)
    [now] = site.group("store")
    assert now["disk_cids"] != store["disk_cids"]
    attached = site.seen.devices(site.seen.vm(now["vm_cid"]), vim.vm.device.VirtualDisk)[2:]
    assert [one.backing.fileName for one in attached] == [f"[{DISK_STORE}] {DISKS}/{now['disk_cid']}.vmdk"]
    assert attached[0].capacityInKB == 256 * 1024
    assert site.inside.get(web["ips"][0])["store"]["counter"] == count + 1
