"""Each property of the tables: what it makes in vCenter, or the sentence with which it is refused."""

from __future__ import annotations

import pytest
from pyVmomi import vim

from tests.clouds.vsphere.cloud import network, refused

pytestmark = pytest.mark.clouds


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hots": "x"}, "property hots is unknown"),
        ({"host": 5}, "property host must be a string"),
        ({"default_disk_type": "thinner"}, "default_disk_type must be one of preallocated"),
        ({"default_scsi_controller_type": "ide"}, "default_scsi_controller_type must be one of"),
        ({"default_hw_version": "17"}, "default_hw_version must be a whole number"),
        ({"upgrade_hw_version": "yes"}, "upgrade_hw_version must be true or false"),
        ({"nsx": {"address": "x"}}, "property nsx is not to be had"),
        ({"nsxt": {"host": "x"}}, "property nsxt is not to be had"),
        ({"vm_storage_policy_name": "x"}, "property vm_storage_policy_name is not to be had"),
        ({"plugins": {"x": {}}}, "property plugins is not to be had"),
        ({"vmx_options": {"a": []}}, "vmx_options.a must be a string"),
        ({"connection_options": {"ca_crt": "x"}}, "connection_options.ca_crt is unknown"),
        ({"connection_options": {"ca_cert": {"certificate": "junk"}}}, "is no PEM"),
        ({"datacenters": []}, "datacenters must name exactly one"),
        ({"datacenters": [{"name": "DC0"}]}, "datacenters[0].clusters is missing"),
        ({"datacenters": [{"name": "DC0", "clusters": ["C"]}]}, "datastore_pattern is missing"),
        ({"datacenters": [{"name": "DC0", "clusters": [], "datastore_pattern": "x"}]}, "clusters is empty"),
        ({"datacenters": [{"name": "no", "clusters": ["C"], "datastore_pattern": "x"}]}, "datacenter 'no' does not exist"),
    ],
)  # fmt: skip
def test_wrong_global_properties_are_refused(cloud, changes, sentence):
    refused(sentence, cloud.with_(**changes).call, "has_vm", "vm-none")


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"cpus": 1}, "property cpus is unknown"),
        ({"cpu": "2"}, "property cpu must be a whole number"),
        ({"ram": None}, "property ram is missing"),
        ({"disk": 0}, "property disk must be a whole number above 0"),
        ({"nsxt": {"ns_groups": ["x"]}}, "property nsxt is not to be had"),
        ({"nsx": {"security_groups": ["x"]}}, "property nsx is not to be had"),
        ({"device_groups": ["x"]}, "property device_groups is not to be had"),
        ({"tags": [{"category": "x"}]}, "tags[0].tag is missing"),
        ({"tags": [{"category": "none", "tag": "none"}]}, "tag 'none' of category 'none' does not exist"),
        ({"storage_policy": {"name": "none"}}, "property storage_policy is not to be had"),
        ({"datastores": [{"clusters": [{"none": {}}]}]}, "datastore cluster 'none' does not exist"),
        ({"datastores": [5]}, "datastores[0] must be a datastore's name"),
        ({"datacenters": [{"name": "other", "clusters": ["x"]}]}, "the same as the CPI's"),
        ({"datacenters": [{"name": "DC0", "clusters": ["none"]}]}, "cluster 'none' does not exist"),
        ({"datacenters": [{"name": "DC0", "clusters": [{"DC0_C0": {"resource_pool": "none"}}]}]}, "no resource pools called 'none'"),
        ({"datacenters": [{"name": "DC0", "clusters": [{"DC0_C0": {"host_group": "none"}}]}]}, "host group 'none' does not exist"),
        ({"root_disk_size_gb": 0}, "root_disk_size_gb must be a whole number above 0"),
        ({"pci_passthroughs": [{"vendor_id": 1}]}, "pci_passthroughs[0].device_id is missing"),
    ],
)  # fmt: skip
def test_wrong_vm_properties_are_refused_before_anything_is_made(cloud, api, stemcell, properties, sentence):
    key = cloud.key("vm")
    refused(sentence, cloud.create_vm, stemcell, key=key, **properties)
    assert not any(key in name for name in api.vm_names())


def test_wrong_networks_and_disks_are_refused(cloud, stemcell):
    refused("property networks.default.cloud_properties.nam is unknown", cloud.create_vm, stemcell, networks={"default": {**network()["default"], "cloud_properties": {"nam": "x"}}})  # fmt: skip
    refused("no vip networks", cloud.create_vm, stemcell, networks={"v": {"type": "vip", "ip": "10.1.1.1"}})
    refused("property type must be one of", cloud.create_disk, type="fast")
    refused("property typ is unknown", cloud.create_disk, typ="thin")
    refused("a file's name without a folder", cloud.create_disk, name="../x")


def test_hot_add_nesting_and_vmx_options(cloud, api, stemcell):
    globally = cloud.with_(vmx_options={"a.global": 5, "b.both": "x"})
    cid = globally.create_vm(
        stemcell, cpu_hot_add_enabled=True, memory_hot_add_enabled=True, nested_hardware_virtualization=True,
        vmx_options={"b.both": "y", "c.flag": True},
    )  # fmt: skip
    vm = api.vm(cid)
    config = vm.config
    assert (config.cpuHotAddEnabled, config.memoryHotAddEnabled, config.nestedHVEnabled) == (True, True, True)
    extra = api.extra(vm)
    assert {key: extra[key] for key in ("a.global", "b.both", "c.flag")} == {"a.global": "5", "b.both": "y", "c.flag": "TRUE"}  # fmt: skip
    assert extra["disk.enableUUID"] == "TRUE"
    plain = api.vm(cloud.create_vm(stemcell, networks=network(ip="10.7.0.12")))
    assert plain.config.cpuHotAddEnabled is False


def test_reservations(cloud, api, stemcell):
    vm = api.vm(
        cloud.create_vm(stemcell, cpu=2, ram=512, cpu_reserve_full_mhz=True, memory_reservation_locked_to_max=True)
    )
    assert vm.config.memoryReservationLockedToMax is True
    assert vm.config.memoryAllocation.reservation == 512
    assert vm.config.cpuAllocation.reservation == 2 * vm.runtime.host.summary.hardware.cpuMhz


def test_hardware_version(cloud, api, stemcell):
    upgrading = cloud.with_(upgrade_hw_version=True, default_hw_version=15)
    assert api.vm(upgrading.create_vm(stemcell)).config.version == "vmx-15"
    plain = api.vm(cloud.create_vm(stemcell, networks=network(ip="10.7.0.12")))
    assert plain.config.version != "vmx-15"


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("paravirtual", vim.vm.device.ParaVirtualSCSIController),
        ("lsi_logic", vim.vm.device.VirtualLsiLogicController),
        ("lsi_logic_sas", vim.vm.device.VirtualLsiLogicSASController),
    ],
)
def test_scsi_controller(cloud, api, image, type, kind):
    stemcell = cloud.with_(default_scsi_controller_type=type).create_stemcell(image)
    [controller] = api.devices(api.vm(cloud.create_vm(stemcell)), vim.vm.device.VirtualSCSIController)
    assert type_of(controller) is kind


def test_a_larger_root_disk_is_a_full_clone(cloud, api, stemcell, wire):
    vm = api.vm(cloud.create_vm(stemcell, root_disk_size_gb=2))
    assert api.devices(vm, vim.vm.device.VirtualDisk)[0].capacityInKB == 2 * 1024 * 1024


def test_folders_and_disk_path_by_name(cloud, api, image):
    other = cloud.with_datacenter(vm_folder="a/vms", template_folder="a/templates", disk_path="some/disks")
    stemcell = other.create_stemcell(image)
    vm = api.vm(other.create_vm(stemcell))
    assert (vm.parent.name, vm.parent.parent.name) == ("vms", "a")
    assert api.vm(stemcell).parent.name == "templates"
    disk = other.create_disk()
    assert f"[LocalDS_0] some/disks/{disk}.vmdk" in api.files()
    assert other.call("attach_disk", vm.name, disk)
    other.clean()


def test_clusters_pools_and_azs(cloud, api, stemcell):
    az = {"datacenters": [{"name": "DC0", "clusters": [{"DC0_C1": {"resource_pool": "DC0_C1_RP1"}}]}]}
    vm = api.vm(cloud.create_vm(stemcell, **az))
    assert vm.resourcePool.name == "DC0_C1_RP1"
    other = api.vm(cloud.create_vm(stemcell, networks=network(ip="10.7.0.12")))
    assert (other.resourcePool.name, other.resourcePool.owner.name) == ("Resources", "DC0_C0")


def test_a_stemcell_is_copied_to_each_datastore_that_needs_it(cloud, api, stemcell):
    first = api.vm(cloud.create_vm(stemcell, datastores=["LocalDS_1"]))
    second = api.vm(cloud.create_vm(stemcell, datastores=["LocalDS_1"], networks=network(ip="10.7.0.12")))
    assert {path.partition("]")[0] for vm in (first, second) for path in api.disk_paths(vm)} == {"[LocalDS_1"}
    copies = [name for name in api.vm_names() if name.startswith(f"{stemcell}.")]
    assert len(copies) == 1
    for vm in (first, second):
        cloud.call("delete_vm", vm.name)
    cloud.call("delete_stemcell", stemcell)
    assert not any(stemcell in name for name in api.vm_names())


def test_disks_lie_where_their_pattern_and_type_say(cloud, api, stemcell):
    pattern = cloud.with_datacenter(persistent_datastore_pattern="_1$")
    assert f"[LocalDS_1] BOSH_Disks/{pattern.create_disk()}.vmdk" in api.files()
    assert f"[LocalDS_0] BOSH_Disks/{pattern.create_disk(datastores=['LocalDS_0'])}.vmdk" in api.files()
    named = f"disk-{cloud.run}-by-name"
    cloud.made["disk"].append(named)
    assert cloud.create_disk(name=named) == named
    for type in ("thin", "preallocated", "thick", "eagerZeroedThick"):
        assert cloud.call("has_disk", cloud.create_disk(type=type))
    refused("allow_mixed_datastores is false", cloud.with_datacenter(allow_mixed_datastores=False).create_disk)


def test_datastore_clusters(cloud, api, stemcell, tmp_path):
    with api.datastore_of_one_host("DC0_C0", f"Pooled-{cloud.run}", tmp_path, pod="DC0_POD0"):
        name = f"Pooled-{cloud.run}"
        pooled = cloud.with_datacenter(
            datastore_pattern="none",
            datastore_cluster_pattern="POD0$",
            persistent_datastore_pattern="none",
            persistent_datastore_cluster_pattern="POD0$",
        )
        disk = pooled.create_disk()
        assert (tmp_path / name / f"BOSH_Disks/{disk}.vmdk").exists()
        first = api.vm(cloud.create_vm(stemcell, datastores=[{"clusters": [{"DC0_POD0": {}}]}]))
        second = api.vm(pooled.create_vm(stemcell, networks=network(ip="10.7.0.12")))
        for vm in (first, second):
            assert {path.partition("]")[0] for path in api.disk_paths(vm)} == {f"[{name}"}
        cloud.clean()


def test_disks_draw_their_vm_to_their_datastore(cloud, api, stemcell):
    both = cloud.with_datacenter(datastore_pattern="LocalDS_[01]", persistent_datastore_pattern="LocalDS_[01]")
    for number, store in enumerate(("LocalDS_1", "LocalDS_0", "LocalDS_1")):
        disk = both.create_disk(datastores=[store])
        vm = api.vm(both.create_vm(stemcell, disks=[disk], networks=network(ip=f"10.7.3.{number}")))
        assert api.disk_paths(vm)[0].startswith(f"[{store}]")


def test_vms_kept_apart(cloud, api, stemcell):
    cluster = api.named(vim.ClusterComputeResource, "DC0_C0")
    az = {"datacenters": [{"name": "DC0", "clusters": [{"DC0_C0": {"drs_rules": [{"name": f"apart-{cloud.run}", "type": "separate_vms"}]}}]}]}  # fmt: skip
    cids = [cloud.create_vm(stemcell, networks=network(ip=f"10.7.4.{number}"), **az) for number in range(3)]
    [rule] = [rule for rule in cluster.configurationEx.rule if rule.name == f"apart-{cloud.run}"]
    assert isinstance(rule, vim.cluster.AntiAffinityRuleSpec)
    assert sorted(vm.name for vm in rule.vm) == sorted(cids)
    cloud.call("delete_vm", cids[0])
    [rule] = [rule for rule in cluster.configurationEx.rule if rule.name == f"apart-{cloud.run}"]
    assert sorted(vm.name for vm in rule.vm) == sorted(cids[1:])
    cloud.call("delete_vm", cids[1])
    assert not [rule for rule in cluster.configurationEx.rule if rule.name == f"apart-{cloud.run}"]


def test_groups_are_kept_apart_by_themselves(cloud, api, stemcell):
    cluster = api.named(vim.ClusterComputeResource, "DC0_C0")
    auto = cloud.with_(enable_auto_anti_affinity_drs_rules=True)
    env = {"bosh": {"group": f"group-{cloud.run}"}}
    cids = [auto.create_vm(stemcell, env=env, networks=network(ip=f"10.7.5.{number}")) for number in range(2)]
    [rule] = [rule for rule in cluster.configurationEx.rule if rule.name == f"group-{cloud.run}"]
    assert sorted(vm.name for vm in rule.vm) == sorted(cids)
    cloud.clean()
    assert not [rule for rule in cluster.configurationEx.rule if rule.name == f"group-{cloud.run}"]


def test_host_groups_vm_groups_and_drs_off(cloud, api, stemcell):
    cluster = api.named(vim.ClusterComputeResource, "DC0_C0")
    host = cluster.host[1]
    group = vim.cluster.HostGroup(name="hosts", host=[host])
    spec = vim.cluster.ConfigSpecEx(groupSpec=[vim.cluster.GroupSpec(operation="add", info=group)])
    api.run(cluster.ReconfigureComputeResource_Task(spec, True))
    try:
        az = {"datacenters": [{"name": "DC0", "clusters": [{"DC0_C0": {"host_group": {"name": "hosts", "drs_rule": "MUST"}}}]}]}  # fmt: skip
        vm = api.vm(cloud.create_vm(stemcell, vm_group="mine", disable_drs=True, **az))
        now = cluster.configurationEx
        groups = {one.name: one for one in now.group}
        assert [one.name for one in groups["mine"].vm] == [vm.name]
        [rule] = [one for one in now.rule if isinstance(one, vim.cluster.VmHostRuleInfo)]
        assert (rule.affineHostGroupName, rule.mandatory) == ("hosts", True)
        assert [one.name for one in groups[rule.vmGroupName].vm] == [vm.name]
        override = now.drsVmConfig[-1]
        assert (override.key.name, override.enabled) == (vm.name, False)
        cloud.call("delete_vm", vm.name)
        assert not [one for one in cluster.configurationEx.rule if isinstance(one, vim.cluster.VmHostRuleInfo)]
    finally:
        names = [one.name for one in cluster.configurationEx.group]
        removed = [vim.cluster.GroupSpec(operation="remove", removeKey=name) for name in names]
        api.run(cluster.ReconfigureComputeResource_Task(vim.cluster.ConfigSpecEx(groupSpec=removed), True))


def test_tags(cloud, api, stemcell):
    tagging = "/rest/com/vmware/cis/tagging"
    category = api.rest("POST", f"{tagging}/category", {"create_spec": {"name": f"zone-{cloud.run}", "description": "", "cardinality": "MULTIPLE", "associable_types": []}})  # fmt: skip
    tag = api.rest(
        "POST", f"{tagging}/tag", {"create_spec": {"name": "east", "description": "", "category_id": category}}
    )
    vm = api.vm(cloud.create_vm(stemcell, tags=[{"category": f"zone-{cloud.run}", "tag": "east"}]))
    attached = api.rest("POST", f"{tagging}/tag-association?~action=list-attached-tags", {"object_id": {"id": vm._moId, "type": "VirtualMachine"}})  # fmt: skip
    assert attached == [tag]


def test_readable_names(cloud, api, stemcell):
    readable = cloud.with_(enable_human_readable_name=True)
    env = {"bosh": {"groups": ["director", f"dep-{cloud.run}", "web"]}}
    cid = readable.create_vm(stemcell, env=env)
    [name] = [name for name in api.vm_names() if name.startswith(f"web_dep-{cloud.run}_")]
    assert cloud.call("has_vm", cid) is True
    assert cloud.call("vm_status", [cid], 0)[cid]["power"] == "on"
    assert readable.create_vm(stemcell, env=env, key=cid) == cid
    cloud.call("delete_vm", cid)
    assert api.vm(name) is None


def test_devices_of_the_host(cloud, api, stemcell):
    vm = api.vm(cloud.create_vm(stemcell, pci_passthroughs=[{"vendor_id": 4318, "device_id": 5}], vgpus=["grid_t4"]))
    _, second = (one.backing for one in api.devices(vm, vim.vm.device.VirtualPCIPassthrough))
    assert second.vgpu == "grid_t4"
    assert vm.config.memoryReservationLockedToMax is True
    assert vm.config.version == "vmx-17"


def type_of(device):
    return type(device)
