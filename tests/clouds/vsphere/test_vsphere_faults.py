"""What goes wrong with a cloud: nothing leaks, and the call goes on or ends with one clear error."""

from __future__ import annotations

import threading
import time

import pytest
from pyVmomi import vim

from cpi.contract import (
    DeadlineExceeded,
    DiskNotFound,
    NetworkNotFound,
    NoDiskSpace,
    VMCreationFailed,
    VMNotFound,
)
from tests.clouds.vsphere.cloud import network, refused

pytestmark = pytest.mark.clouds


def one_vm(api, cloud, cid):
    return [name for name in api.vm_names() if cloud.owns(name) and name.startswith("vm-")] == [cid]


def test_a_killed_session_is_renewed(cloud, api, wire, stemcell):
    through = cloud.through(wire)
    through.call("has_vm", "vm-none")
    wire.cookies.clear()
    through.call("has_vm", "vm-none")
    [session] = wire.cookies
    api.content.sessionManager.TerminateSession([session])
    cid = through.create_vm(stemcell)
    assert api.vm(cid).runtime.powerState == "poweredOn"
    assert len(wire.cookies - {"", session}) == 1


def test_a_session_killed_while_many_calls_use_it(cloud, api, wire, stemcell):
    through = cloud.through(wire)
    through.call("has_vm", "vm-none")
    keys, failures = [cloud.key("vm") for _ in range(4)], []

    def make(number):
        try:
            through.create_vm(stemcell, key=keys[number], networks=network(ip=f"10.7.1.{number}"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for session in wire.cookies - {""}:
        api.content.sessionManager.TerminateSession([session])
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(key in api.vm_names() for key in keys)


def test_a_vcenter_that_is_down_for_a_while_is_waited_for(cloud, api, wire, stemcell):
    through = cloud.through(wire, down_seconds=20)
    through.call("has_vm", "vm-none")
    wire.up = False
    threading.Timer(1.5, lambda: setattr(wire, "up", True)).start()
    assert api.vm(through.create_vm(stemcell)) is not None


def test_a_vcenter_that_stays_down_is_one_clear_error(cloud, api, wire, stemcell):
    through = cloud.through(wire, down_seconds=1)
    through.call("has_vm", "vm-none")
    wire.up = False
    key = cloud.key("vm")
    error = refused((f"https://{wire.address}/sdk", "does not answer", "check that it is up"), through.create_vm, stemcell, key=key)  # fmt: skip
    assert error.facts.endpoint == f"https://{wire.address}/sdk"
    wire.up = True
    assert cloud.call("find", "vm", key) is None
    assert not any(key in name for name in api.vm_names())


def test_an_address_where_nobody_listens(cloud):
    dead = cloud.with_(host="127.0.0.1:9", connection_options={"down_seconds": 0.5})
    refused(("127.0.0.1:9", "does not answer"), dead.call, "has_vm", "vm-none")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_refused_requests_are_asked_again(cloud, api, wire, stemcell, status):
    through = cloud.through(wire)
    for method in ("RetrievePropertiesEx", "FindChild", "CloneVM_Task" if status != 500 else "CreateContainerView"):
        wire.fault(method, "refuse", times=2, status=status)
    cid = through.create_vm(stemcell)
    assert all(fault.met == 2 for fault in wire.faults)
    assert one_vm(api, cloud, cid)


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_settings_file_that_is_not_taken_at_first(cloud, api, wire, stemcell, status):
    through = cloud.through(wire)
    fault = wire.fault("/folder/", "refuse", status=status)
    cid = through.create_vm(stemcell)
    assert fault.met == 1
    assert f"[LocalDS_0] {cid}/env.iso" in api.files()


@pytest.mark.parametrize(
    "method", ["CloneVM_Task", "ReconfigVM_Task", "PowerOnVM_Task", "WaitForUpdatesEx", "CreateFilter"]
)
def test_a_lost_answer_while_a_vm_is_made(cloud, api, wire, stemcell, method):
    through = cloud.through(wire)
    fault = wire.fault(method, "lose")
    cid = through.create_vm(stemcell)
    assert fault.met == 1
    assert one_vm(api, cloud, cid)
    assert api.vm(cid).runtime.powerState == "poweredOn"
    assert len(api.disk_paths(api.vm(cid))) == 2


@pytest.mark.parametrize("method", ["ImportVApp", "HttpNfcLeaseComplete", "CreateSnapshot_Task", "ReconfigVM_Task"])
def test_a_lost_answer_while_a_stemcell_is_made(cloud, api, wire, image, method):
    through = cloud.through(wire)
    fault = wire.fault(method, "lose")
    cid = through.create_stemcell(image)
    assert fault.met == 1
    assert [name for name in api.vm_names() if cloud.owns(name)] == [cid]
    assert api.vm(cid).snapshot is not None


def test_an_upload_that_breaks_off_begins_anew(cloud, api, wire, image):
    through = cloud.through(wire)
    lease = {"path": None}
    meet = wire.meet

    def cut(method):
        if method.startswith("/nfc/") and lease["path"] is None:
            lease["path"] = method
            return wire.faults[0]
        return meet(method)

    wire.fault("never", "cut")
    wire.meet = cut
    cid = through.create_stemcell(image)
    assert lease["path"] is not None
    flat = api.disk_paths(api.vm(cid))[0].partition("] ")[2].replace(".vmdk", "-flat.vmdk")
    assert api.download("LocalDS_0", flat) == image.with_suffix(".disk").read_bytes()


@pytest.mark.parametrize("method", ["CreateVirtualDisk_Task", "MakeDirectory"])
def test_a_lost_answer_while_a_disk_is_made(cloud, api, wire, method):
    through = cloud.through(wire)
    fault = wire.fault(method, "lose")
    disk = through.create_disk(32)
    assert fault.met == 1
    assert [path for path in api.files() if disk in path and "-flat" not in path] == [f"[LocalDS_0] BOSH_Disks/{disk}.vmdk"]  # fmt: skip


def test_lost_answers_while_a_disk_is_attached_detached_copied_and_deleted(cloud, api, wire, stemcell):
    through, vm, disk = cloud.through(wire), cloud.create_vm(stemcell), cloud.create_disk(32)
    for method in ("ReconfigVM_Task", "CopyVirtualDisk_Task", "DeleteVirtualDisk_Task", "Destroy_Task"):
        wire.fault(method, "lose")
    assert through.call("attach_disk", vm, disk)["id"]
    assert len(api.disk_paths(api.vm(vm))) == 3
    wire.fault("ReconfigVM_Task", "lose")
    through.call("detach_disk", vm, disk)  # the second try finds it detached: that was asked for
    assert len(api.disk_paths(api.vm(vm))) == 2
    snapshot = through.call("snapshot_disk", disk, {}, key=cloud.key("snapshot"))
    through.call("delete_snapshot", snapshot)
    through.call("delete_disk", disk)
    through.call("delete_vm", vm)
    assert all(fault.met == 1 for fault in wire.faults)
    assert not any(disk in path or snapshot in path for path in api.files())
    assert api.vm(vm) is None


def test_a_deadline_that_passes_leaves_what_can_be_found_or_removed(cloud, api, wire, stemcell):
    through, key = cloud.through(wire), cloud.key("vm")
    wire.fault("CloneVM_Task", "slow", seconds=1.5)
    with pytest.raises(DeadlineExceeded):
        through.create_vm(stemcell, key=key, seconds=1.0)
    cloud.call("find", "vm", key)
    assert cloud.call("find", "vm", key) is None
    assert not any(key in name for name in api.vm_names())


def test_a_foreign_vm_of_the_same_name_is_left_alone(cloud, api, stemcell):
    key = cloud.key("vm")
    folder = next(one for one in api.all(vim.Folder) if one.name == "BOSH_VMs")
    pool = api.all(vim.ClusterComputeResource)[0].resourcePool
    spec = vim.vm.ConfigSpec(
        name=key, guestId="otherGuest", numCPUs=1, memoryMB=32, files=vim.vm.FileInfo(vmPathName="[LocalDS_0]")
    )
    foreign = api.run(folder.CreateVM_Task(spec, pool))
    try:
        refused("not made by this CPI", cloud.create_vm, stemcell, key=key)
        refused("not made by this CPI", cloud.call, "find", "vm", key)
        assert api.vm(key)._moId == foreign._moId
    finally:
        api.run(foreign.Destroy_Task())
        cloud.made["vm"].remove(key)


def test_a_datastore_that_is_missing(cloud, api, stemcell):
    key = cloud.key("vm")
    refused("datastore 'nowhere' does not exist", cloud.create_vm, stemcell, key=key, datastores=["nowhere"])
    refused("no datastore is meant by /nothing/", cloud.with_datacenter(datastore_pattern="nothing").create_vm, stemcell, key=key)  # fmt: skip
    refused("datastore 'nowhere' does not exist", cloud.create_disk, datastores=["nowhere"])
    assert not any(key in name for name in api.vm_names())


def test_a_datastore_that_is_full(cloud, api, stemcell):
    key = cloud.key("vm")
    error = refused(("to spare", "LocalDS_2 has 0 MiB"), cloud.create_vm, stemcell, key=key, datastores=["LocalDS_2"])
    assert isinstance(error, NoDiskSpace)
    assert isinstance(refused("LocalDS_2 has 0 MiB", cloud.create_disk, datastores=["LocalDS_2"]), NoDiskSpace)
    assert not any(key in name for name in api.vm_names())


def test_no_host_has_the_memory(cloud, stemcell):
    error = refused("no host with 1000000 MiB of memory free", cloud.create_vm, stemcell, ram=1_000_000)
    assert isinstance(error, VMCreationFailed)


def test_hosts_in_maintenance_take_no_vm(cloud, api, stemcell):
    hosts = api.named(vim.ClusterComputeResource, "DC0_C0").host
    for host in hosts:
        api.run(host.EnterMaintenanceMode_Task(0))
    try:
        refused("no host with 1024 MiB", cloud.create_vm, stemcell)
        both = cloud.with_datacenter(clusters=["DC0_C0", "DC0_C1"])
        assert api.vm(both.create_vm(stemcell)).runtime.host.parent.name == "DC0_C1"
    finally:
        for host in hosts:
            api.run(host.ExitMaintenanceMode_Task(0))


def test_a_network_that_is_missing(cloud, api, stemcell):
    key = cloud.key("vm")
    error = refused("network 'nowhere' does not exist", cloud.create_vm, stemcell, key=key, networks=network(name="nowhere"))  # fmt: skip
    assert isinstance(error, NetworkNotFound)
    assert not any(key in name for name in api.vm_names())


def test_a_wrong_password_is_told_with_the_clouds_sentence(cloud):
    wrong = cloud.with_(password="not-the-password")
    error = refused(("refuses user", "InvalidLogin", "check user and password"), wrong.call, "has_vm", "vm-none")
    assert "not-the-password" not in error.message
    assert error.facts.started is False


def test_a_certificate_that_is_not_trusted(cloud, wire):
    good = cloud.through(wire, ca_cert={"certificate": wire.certificate})
    assert good.call("has_vm", "vm-none") is False
    other = good.with_(host=cloud.vcenter.address)
    refused(("is not trusted", "ca_cert"), other.call, "has_vm", "vm-none")


def test_a_disk_that_is_attached_elsewhere(cloud, api, stemcell):
    first, second, disk = cloud.create_vm(stemcell), cloud.create_vm(stemcell, networks=network(ip="10.7.0.11")), cloud.create_disk()  # fmt: skip
    cloud.call("attach_disk", first, disk)
    refused(f"attached to VM '{first}'; detach it first", cloud.call, "attach_disk", second, disk)
    assert len(api.disk_paths(api.vm(second))) == 2


def test_a_vm_that_vanished(cloud, api, stemcell):
    cid, disk = cloud.create_vm(stemcell), cloud.create_disk()
    vm = api.vm(cid)
    api.run(vm.PowerOffVM_Task())
    api.run(vm.Destroy_Task())
    assert cloud.call("has_vm", cid) is False
    assert cloud.call("vm_status", [cid], 0)[cid]["exists"] is False
    assert isinstance(refused(cid, cloud.call, "attach_disk", cid, disk), VMNotFound)
    cloud.call("delete_vm", cid)
    for path in api.folder_of("LocalDS_0").glob(f"{cid}/*"):
        path.unlink()


def test_a_disk_that_vanished(cloud, api, stemcell):
    vm, disk = cloud.create_vm(stemcell), cloud.create_disk()
    api.content.virtualDiskManager.DeleteVirtualDisk_Task(f"[LocalDS_0] BOSH_Disks/{disk}.vmdk", api.dc)
    assert f"[LocalDS_0] BOSH_Disks/{disk}.vmdk" not in api.files()
    assert cloud.call("has_disk", disk) is False
    assert isinstance(refused(disk, cloud.call, "attach_disk", vm, disk), DiskNotFound)
    cloud.call("delete_disk", disk)


def test_an_address_in_use(cloud, api, stemcell):
    first = api.vm(cloud.create_vm(stemcell))
    api.run(first.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=[vim.option.OptionValue(key="SET.guest.ipAddress", value="10.7.0.10")])))  # fmt: skip
    refused(("address 10.7.0.10 is in use", first.name), cloud.create_vm, stemcell)
    assert api.vm(cloud.with_(ensure_no_ip_conflicts=False).create_vm(stemcell)) is not None


def test_no_more_tasks_are_in_flight_than_allowed(cloud, api, wire, stemcell):
    through = cloud.through(wire, concurrent_tasks=2)
    now, most, guard = [0], [0], threading.Lock()
    original = wire.meet

    def counted(method):
        if method == "CloneVM_Task":
            with guard:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.2)
            with guard:
                now[0] -= 1
        return original(method)

    wire.meet = counted
    keys = [cloud.key("vm") for _ in range(6)]
    threads = [
        threading.Thread(target=through.create_vm, args=(stemcell,), kwargs={"key": key, "networks": network(ip=f"10.7.2.{number}")})
        for number, key in enumerate(keys)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2
    assert all(key in api.vm_names() for key in keys)
