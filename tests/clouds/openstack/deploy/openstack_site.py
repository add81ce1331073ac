"""A lab with a watcher that boots the VMs of the OpenStack lab, and a director that deploys there.

OpenStack stays where it is, on the machine's loopback: the director reaches it through a proxy that listens in the lab's network."""

from __future__ import annotations

import dataclasses
import json
import socket

from lab.openstack.stack import APIS
from lab.openstack.stemcell import convert
from tests.clouds.deploys.cloud_site import cloud_config
from tests.clouds.deploys.ground import Ground
from tests.clouds.openstack.fault_proxy import FaultProxy
from tests.clouds.openstack.tenant import Tenant
from tests.clouds.watched_site import WatchedSite
from tests.e2e.lab.site import until


@dataclasses.dataclass
class OpenstackSite(WatchedSite):
    """`tenant` asks the cloud by its own API, past proxy and CPI; `net` and `flavor` are what the VMs have."""

    tenant: Tenant = None
    proxy: FaultProxy = None
    net: object = None
    flavor: object = None

    def cloud_words(self):
        return ["openstack", "--stack", str(self.tenant.stack.directory), "--network", self.net.id]

    def stemcell(self, version):
        out = self.directory / f"openstack-{version}.tgz"
        return out if out.exists() else convert(self.build_stemcell(version), out)

    def inventory(self):
        return self.tenant.inventory()

    def vms(self):
        return set(self.servers())

    def switch_off(self, row):
        cid, compute = row["vm_cid"], self.tenant.member.compute
        compute.stop_server(cid)
        until("the guest is off", 30, lambda: cid not in self.host.inventory().domains)
        until("nova knows", 30, lambda: compute.get_server(cid).status == "SHUTOFF", pause=0.5)

    def disks(self):
        return set(self.volumes())

    def servers(self):
        """All that nova has of the project, by id, with everything that it tells."""
        return {one.id: one for one in self.tenant.member.compute.servers()}

    def volumes(self):
        return {one.id: one for one in self.tenant.member.block_storage.volumes()}

    def attached(self, row):
        """The volumes that nova has attached to a VM."""
        return [one.volume_id for one in self.tenant.member.compute.volume_attachments(row["vm_cid"])]

    def ports(self):
        """Of the network that VMs are on, by id."""
        found = self.tenant.member.network.ports(network_id=self.net.id)
        return {one.id: one for one in found if not (one.device_owner or "").startswith("network:")}

    def recorded(self, cid):
        """What nova told its hypervisor of a VM."""
        return json.loads((self.tenant.recorded(cid) / "vm.json").read_text())

    def boots(self):
        """VM -> when nova made it, and which start this is: nothing of this changes where nothing is to be done."""
        return {cid: (one.created_at, self.recorded(cid)["boot"]) for cid, one in self.servers().items()}

    def leave(self):
        """What is still in the project, the network and the flavor go with the project."""
        self.proxy.close()


def build(tenant):
    """All of it, running, with stemcell, release and cloud config; nothing is deployed."""
    with Ground.laid("os") as ground:
        directory, lab, stack = ground.directory, ground.lab, tenant.stack
        for folder in ("volumes", "nova"):
            lab.keep_disks(stack.path(folder))
        net, _ = tenant.network(lab.record.cidr)
        flavor = tenant.flavor("deployed", vcpus=1, ram=256, disk=3, ephemeral=1)
        tenant.flavors.append(flavor)
        listener = ground.inside.do(socket.create_server, ("127.0.0.1", 0))
        proxy = FaultProxy({api: stack.url(api) for api in APIS}, listener=listener)
        ground.ends.callback(proxy.close)
        properties = {key: value for key, value in tenant.properties.items() if key != "agent"}
        properties |= {"auth_url": proxy.auth_url, "config_drive": "cdrom", "use_dhcp": False}
        config = ground.configure("openstack", properties)
        site = ground.stand(
            OpenstackSite,
            config,
            ground.forward(),
            directory / "vms",
            tenant=tenant,
            proxy=proxy,
            net=net,
            flavor=flavor,
        )
        offered = cloud_config({"instance_type": flavor.name}, {"availability_zone": "nova"}, {"net_id": net.id})
        offered["disk_types"].append({"name": "bigger", "disk_size": 2048})
        site.open(site.stemcell("1.0"), offered)
        return site
