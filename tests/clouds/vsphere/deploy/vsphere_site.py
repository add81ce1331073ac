"""A lab with a vCenter, a watcher that boots its VMs, and a director that deploys on it through a wire that can be cut.

The wire's threads live in the lab's network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pyVmomi import vim

from lab.vsphere import server
from lab.vsphere.stemcell import convert
from tests.clouds.deploys.cloud_site import cloud_config
from tests.clouds.deploys.ground import Ground
from tests.clouds.vsphere import faulty_wire
from tests.clouds.vsphere.vcenter_api import Api as VcenterApi
from tests.clouds.watched_site import WatchedSite
from tests.e2e.lab.site import until

VM_FOLDER, TEMPLATES, DISKS = "meristem/vms", "meristem/templates", "meristem_disks"
VM_STORE, DISK_STORE, FULL_STORE = "LocalDS_0", "LocalDS_1", "LocalDS_2"


@dataclasses.dataclass
class VsphereSite(WatchedSite):
    """`seen` asks the vCenter by its own API, past wire and CPI; `wire` is what the CPI speaks through."""

    seen: VcenterApi = None
    wire: faulty_wire.Wire = None

    def cloud_words(self):
        return ["vsphere", "--vcenter", str(self.directory / "vcenter")]

    def stemcell(self, version):
        out = self.directory / f"vsphere-{version}.tgz"
        return out if out.exists() else convert(self.build_stemcell(version), out)

    def vms(self):
        """Names of the VMs in the folder of VMs, as vCenter says; a compilation VM would be among them."""
        folder = next((one for one in self.seen.all(vim.Folder) if one.name == "vms"), None)
        return {vm.name for vm in folder.childEntity} if folder else set()

    def boots(self):
        """VM -> vCenter's id of it and when it was started: nothing of this changes where nothing is to be done."""
        return {name: (vm._moId, vm.summary.runtime.bootTime) for name in self.vms() for vm in [self.seen.vm(name)]}

    def switch_off(self, row):
        self.seen.run(self.seen.vm(row["vm_cid"]).PowerOffVM_Task())
        until("the guest is off", 30, lambda: row["vm_cid"] not in self.host.inventory().domains)

    def disk_files(self):
        return {path for path in self.seen.files() if f" {DISKS}/" in path and not path.endswith("-flat.vmdk")}

    def disks(self):
        return {Path(path).stem for path in self.disk_files()}

    def inventory(self):
        return self.seen.vm_names(), self.seen.files()

    def leave(self):
        faulty_wire.close(self.wire)
        self.seen.close()
        server.down(self.directory / "vcenter")


def cpi_properties(vcenter, address):
    return {
        "host": address,
        "user": vcenter.user,
        "password": vcenter.password,
        "connection_options": {"down_seconds": 90},
        "datacenters": [
            {
                "name": vcenter.datacenter,
                "vm_folder": VM_FOLDER,
                "template_folder": TEMPLATES,
                "disk_path": DISKS,
                "datastore_pattern": f"^{VM_STORE}$",
                "persistent_datastore_pattern": f"^{DISK_STORE}$",
                "clusters": [vcenter.clusters[0]],
            }
        ],
    }


def build():
    """All of it, running, with stemcell, release and cloud config; nothing is deployed."""
    with Ground.laid("vs") as ground:
        directory, lab = ground.directory, ground.lab
        ground.ends.callback(server.down, directory / "vcenter")
        vcenter = server.up(directory / "vcenter", within=lab)
        lab.keep_disks(directory / "vcenter")
        wire = ground.inside.do(faulty_wire.open_wire, vcenter.address, directory)
        config = ground.configure("vsphere", cpi_properties(vcenter, wire.address))
        forwarding = ground.forward(int(vcenter.address.rpartition(":")[2]))
        outside = dataclasses.replace(vcenter, url=f"https://127.0.0.1:{forwarding.ports[1]}")
        site = ground.stand(VsphereSite, config, forwarding, directory / "vms", seen=VcenterApi(outside), wire=wire)
        size = {"cpu": 1, "ram": 256, "disk": 1024}
        zone = {"datacenters": [{"name": "DC0", "clusters": [{"DC0_C0": {}}]}]}
        offered = cloud_config(size, zone, {"name": "DC0_DVPG0"})
        offered["vm_types"].append({"name": "nowhere", "cloud_properties": {**size, "datastores": [FULL_STORE]}})
        site.open(site.stemcell("1.0"), offered)
        return site
