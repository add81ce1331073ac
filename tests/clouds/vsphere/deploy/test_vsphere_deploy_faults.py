"""Deployments while vCenter fails: they go on, or end with one clear error; what is in vCenter afterwards is what the director knows, and no more."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from pyVmomi import vim

from tests.clouds.deploys.kills import kill_the_director, kill_the_worker
from tests.clouds.vsphere.deploy.vsphere_site import DISK_STORE, DISKS
from tests.clouds.watched_site import error_of, meanwhile
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import until
from tests.e2e.loopback.api import running


@pytest.fixture(autouse=True)
def shop(site):
    """One store and one web front; afterwards vCenter holds what the director knows."""
    site.api.deploy(shop_of(1))
    for orphan in site.api.get("/disks"):
        site.api.run("DELETE", f"/disks/{orphan['disk_cid']}")
    site.wire.faults.clear()
    yield
    site.wire.faults.clear()
    site.wire.up = True
    exact(site)


def shop_of(web, **more):
    return manifest(web=web, stemcell="latest", **more)


def exact(site):
    """No VM, disk or file in vCenter that the director does not know."""
    rows = [row for row in site.api.instances(NAME) if row["vm_cid"]]
    assert site.vms() == {row["vm_cid"] for row in rows}
    kept = {row["disk_cid"] for row in rows if row["disk_cid"]} | {one["disk_cid"] for one in site.api.get("/disks")}
    assert site.disk_files() == {f"[{DISK_STORE}] {DISKS}/{cid}.vmdk" for cid in kept}
    [stemcell] = site.api.get("/stemcells")
    known = {row["vm_cid"] for row in rows} | {stemcell["cid"]}
    folders = {path.partition("] ")[2].partition("/")[0] for path in site.seen.files()} - {DISKS}
    assert {folder for folder in folders if not any(folder.startswith(cid) for cid in known)} == set()


def grown(site, **more):
    """A second web front is made, in spite of all."""
    finished = site.api.deploy(shop_of(2), seconds=240, **more)
    assert running(site.api.instances(NAME)) == {"store/0", "web/0", "web/1"}
    return finished


def test_vcenter_is_down_for_a_minute(site):
    fault = site.wire.fault("CloneVM_Task", "lose")

    def down():
        site.wire.up = False
        threading.Timer(60, lambda: setattr(site.wire, "up", True)).start()

    with meanwhile(lambda: fault.met, down):
        grown(site)


@pytest.mark.parametrize("method", ["CloneVM_Task", "ReconfigVM_Task", "PowerOnVM_Task", "SetField"])
def test_a_lost_answer(site, method):
    fault = site.wire.fault(method, "lose")
    grown(site)
    assert fault.met == 1


def test_lost_answers_about_disks(site):
    wanted = shop_of(1, stores=2)
    faults = [site.wire.fault(method, "lose") for method in ("CreateVirtualDisk_Task", "MakeDirectory")]
    site.api.deploy(wanted)
    assert [fault.met for fault in faults] == [1, 1]
    assert len(site.disk_files()) == 2
    faults = [site.wire.fault(method, "lose") for method in ("PowerOffVM_Task", "ReconfigVM_Task", "Destroy_Task")]
    site.api.deploy(shop_of(1))
    assert [fault.met for fault in faults] == [1, 1, 1]
    for orphan in site.api.get("/disks"):
        fault = site.wire.fault("DeleteVirtualDisk_Task", "lose")
        site.api.run("DELETE", f"/disks/{orphan['disk_cid']}")
        assert fault.met == 1
    assert len(site.disk_files()) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_requests_are_refused_for_a_while(site, status):
    faults = [
        site.wire.fault(method, "refuse", times=2, status=status) for method in ("RetrievePropertiesEx", "FindChild")
    ]
    grown(site)
    assert [fault.met for fault in faults] == [2, 2]


def test_slow_answers_are_waited_for(site):
    fault = site.wire.fault("RetrievePropertiesEx", "slow", times=8, seconds=1.5)
    grown(site)
    assert fault.met == 8


def test_the_session_ends_in_the_middle(site):
    fault = site.wire.fault("CloneVM_Task", "slow", seconds=1)

    def end():
        for session in site.wire.cookies - {""}:
            try:
                site.seen.content.sessionManager.TerminateSession([session])
            except vim.fault.NotFound:
                continue  # one of an earlier test

    with meanwhile(lambda: fault.met, end):
        grown(site)


def test_the_worker_is_killed_in_the_middle(site):
    kill_the_worker(site, site.wire.fault("CloneVM_Task", "slow", seconds=1), shop_of(2))


def test_the_director_is_killed_in_the_middle(site):
    kill_the_director(site, site.wire.fault("CloneVM_Task", "slow", seconds=1), shop_of(2))


def test_a_full_datastore_ends_the_deploy_with_one_clear_error(site):
    wanted = shop_of(2)
    wanted["instance_groups"][1]["vm_type"] = "nowhere"
    told = error_of(site.api.deploy(wanted, expect="error"))
    for part in ("LocalDS_2 has 0 MiB", "to spare"):
        assert part in told, told


def test_a_vm_that_vanished_is_made_again(site):
    [web] = site.group("web")
    site.switch_off(web)
    site.seen.run(site.seen.vm(web["vm_cid"]).Destroy_Task())
    site.cli("-d", NAME, "cloud-check", "--auto")
    [now] = site.group("web")
    assert now["vm_cid"] != web["vm_cid"]
    # what --auto chooses for it does not wait for its jobs
    until("its job runs", 60, lambda: running(site.api.instances(NAME)) == {"store/0", "web/0"}, pause=0.5)


def test_a_disk_that_another_vm_has_locked(site):
    """A backup program's VM, say: the error names vCenter, its task and what to do; when the disk is free, the deploy goes on."""
    [store] = site.group("store")
    path = f"[{DISK_STORE}] {DISKS}/{store['disk_cid']}.vmdk"
    with foreign_vm(site) as thief:
        take = site.wire.fault("Destroy_Task", "slow", seconds=0.5)
        with meanwhile(lambda: take.met, lambda: site.seen.run(thief.ReconfigVM_Task(attachment(site, path)))):
            told = error_of(site.api.deploy(shop_of(1), recreate="true", expect="error"))
        for part in (f"https://{site.wire.address}/sdk, task task-", "FileLocked", "detach it there"):
            assert part in told, told
    site.api.deploy(shop_of(1))
    [now] = site.group("store")
    assert now["disk_cids"] == store["disk_cids"]
    assert running(site.api.instances(NAME)) == {"store/0", "web/0"}


@contextmanager
def foreign_vm(site):
    """One that runs outside of the CPI's folder."""
    folder = next(one for one in site.seen.all(vim.Folder) if one.name == "vm")
    controller = vim.vm.device.VirtualLsiLogicController(key=1000, busNumber=0, sharedBus="noSharing")
    spec = vim.vm.ConfigSpec(
        name="backup", guestId="otherGuest", numCPUs=1, memoryMB=32, files=vim.vm.FileInfo(vmPathName=f"[{DISK_STORE}]"),
        deviceChange=[vim.vm.device.VirtualDeviceSpec(operation="add", device=controller)],
    )  # fmt: skip
    pool = site.seen.named(vim.ClusterComputeResource, "DC0_C0").resourcePool
    vm = site.seen.run(folder.CreateVM_Task(spec, pool))
    site.seen.run(vm.PowerOnVM_Task())
    try:
        yield vm
    finally:
        site.seen.run(vm.PowerOffVM_Task())
        held = site.seen.devices(vm, vim.vm.device.VirtualDisk)
        removed = [vim.vm.device.VirtualDeviceSpec(operation="remove", device=one) for one in held]
        site.seen.run(vm.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=removed)))
        site.seen.run(vm.Destroy_Task())


def attachment(site, path):
    backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(
        fileName=path, datastore=site.seen.named(vim.Datastore, DISK_STORE), diskMode="independent_persistent"
    )
    disk = vim.vm.device.VirtualDisk(key=-1, controllerKey=1000, unitNumber=0, backing=backing)
    return vim.vm.ConfigSpec(deviceChange=[vim.vm.device.VirtualDeviceSpec(operation="add", device=disk)])
