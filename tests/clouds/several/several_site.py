"""A lab with three clouds for one director: OpenStack and a vCenter, each with a watcher that boots its VMs, and libvirt's containers.

CPI configs, cloud config and manifest are those of `manifests/`, with the lab's values and no more changes than `differences` tells."""

from __future__ import annotations

import dataclasses
import socket

import yaml

from lab.demo.record import TREE
from lab.demo.site import write_site
from lab.openstack import stemcell as openstack_stemcell
from lab.openstack.stack import APIS
from lab.vsphere import server
from lab.vsphere import stemcell as vsphere_stemcell
from tests.clouds.deploys.ground import Ground
from tests.clouds.openstack.fault_proxy import FaultProxy
from tests.clouds.openstack.tenant import Tenant
from tests.clouds.vsphere import faulty_wire
from tests.clouds.vsphere.vcenter_api import Api as VcenterApi
from tests.clouds.watched_site import begin_watcher, end_watcher
from tests.e2e.lab.site import Site

NAME = "cluster"
GATEWAYS = ("10.80.0.1/24", "10.81.0.1/24")
"""The lab's bridge stands for the networks of all clouds, and for the router between them."""


@dataclasses.dataclass
class SeveralSite(Site):
    """`tenant` and `seen` ask OpenStack and vCenter by their own APIs; `proxy` and `wire` are what the CPIs speak through."""

    tenant: Tenant = None
    net: object = None
    proxy: FaultProxy = None
    seen: VcenterApi = None
    wire: faulty_wire.Wire = None
    watchers: list = dataclasses.field(default_factory=list)
    untouched: object = ()

    def watch(self, cloud, *words):
        folder = self.directory / "vms" / cloud
        self.watchers.append(begin_watcher(self, f"watcher-{cloud}", folder, cloud, *words))

    def written(self, name, document):
        path = self.directory / name
        path.write_text(yaml.safe_dump(document))
        path.chmod(0o600)
        return str(path)

    def variables(self, vcenter):
        """The files that an operator writes: one for each cloud."""
        tenant = self.tenant
        openstack = {
            "openstack_url": self.proxy.auth_url, "openstack_user": tenant.name, "openstack_password": tenant.password,
            "openstack_domain": "Default", "openstack_project": tenant.name, "openstack_region": "RegionOne",
            "openstack_security_group": "default", "openstack_zone": "nova", "openstack_network_id": self.net.id,
            "director_address": self.lab.address,
        }  # fmt: skip
        vsphere = {
            "vcenter_host": self.wire.address, "vcenter_user": vcenter.user, "vcenter_password": vcenter.password,
            "vcenter_datacenter": vcenter.datacenter, "vcenter_cluster": vcenter.clusters[0],
            "vcenter_datastore_pattern": f"^{vcenter.datastores[0]}$", "vcenter_network": "DC0_DVPG0",
            "director_address": self.lab.address,
        }  # fmt: skip
        return self.written("openstack.yml", openstack), self.written("vcenter.yml", vsphere)

    def differences(self):
        """CPI -> properties that the lab needs beside those of `manifests/`: it has no metadata service, no DHCP, and a libvirtd of its own."""
        return {
            "openstack": {"config_drive?": "cdrom", "use_dhcp?": False},
            "local": {"uri": self.lab.record.libvirt_uri},
        }

    def configure(self, vcenter):
        """As `docs/how-to/several-clouds.md` says."""
        openstack, vsphere = self.variables(vcenter)
        authority = self.directory / "vcenter-ca.pem"
        authority.write_text(self.wire.certificate)
        for name, path, words in (
            ("openstack", "openstack/cpi-config.yml", ["-l", openstack]),
            ("vsphere", "vsphere/cpi-config.yml", ["-l", vsphere, "--var-file", f"vcenter_ca={authority}"]),
            ("local", "several/local-cpi.yml", ["-v", f"libvirt_state={self.host.state}",
                                                "-v", f"director_address={self.lab.address}"]),
        ):  # fmt: skip
            changes = [
                {"type": "replace", "path": f"/cpis/name={name}/properties/{key}", "value": value}
                for key, value in self.differences().get(name, {}).items()
            ]
            words = [*words, "-o", self.written(f"{name}-ops.yml", changes)]
            self.cli("update-config", "--type", "cpi", "--name", name, str(TREE / "manifests" / path), *words)
        clouds = str(TREE / "manifests/several/cloud-config.yml")
        self.cli("update-cloud-config", clouds, "-l", openstack, "-l", vsphere)

    def open(self, vcenter):
        """Watchers and director, with all configs, a stemcell for each kind of cloud and the release; nothing is deployed."""
        self.untouched = self.inventory()
        self.watch("openstack", "--stack", str(self.tenant.stack.directory), "--network", self.net.id)
        self.watch("vsphere", "--vcenter", str(self.directory / "vcenter"))
        self.start()
        self.ready()
        self.configure(vcenter)
        plain = self.build_stemcell("1.0")
        self.api.upload_stemcell(plain)
        self.api.upload_stemcell(openstack_stemcell.convert(plain, self.directory / "openstack-stemcell.tgz"))
        self.api.upload_stemcell(vsphere_stemcell.convert(plain, self.directory / "vsphere-stemcell.tgz"))
        self.api.upload_release(self.build_release())

    def deploy(self, wanted, **more):
        """Several clouds take their time."""
        return self.api.deploy(wanted, seconds=300, **more)

    def rows(self, name):
        """The instances of a group, by zone."""
        return {row["az"]: row for row in self.api.instances(NAME) if row["job_name"] == name}

    def inventory(self):
        """All that the three clouds have."""
        local = self.host.inventory()
        return {
            "openstack": self.tenant.inventory(),
            "vsphere": (self.seen.vm_names(), sorted(self.seen.files())),
            "local": (local.domains, local.vms, local.disks, local.loops),
        }

    def down(self):
        self.stop()
        for watcher in self.watchers:
            end_watcher(watcher)
        faulty_wire.close(self.wire)
        self.seen.close()
        server.down(self.directory / "vcenter")
        self.proxy.close()
        super().down()


def manifest():
    """The cluster of `manifests/several`; a password of its own is made for it."""
    return yaml.safe_load((TREE / "manifests/several/cluster.yml").read_text())


def route(lab):
    """Let the bridge be a gateway of each cloud's network."""
    for address in GATEWAYS:
        lab.exec(["ip", "address", "add", address, "dev", lab.record.bridge])
    settings = {"ipv4/ip_forward": "1", f"ipv4/conf/{lab.record.bridge}/send_redirects": "0"}
    for name, value in settings.items():
        lab.exec(["sh", "-c", f"echo {value} > /proc/sys/net/{name}"])


def build(tenant):
    """All of it, running, with stemcells, release and configs; nothing is deployed."""
    with Ground.laid("sev") as ground:
        directory, lab, stack = ground.directory, ground.lab, tenant.stack
        route(lab)
        for folder in (stack.path("volumes"), stack.path("nova"), directory / "vcenter"):
            lab.keep_disks(folder)
        net, _ = tenant.network("10.80.0.0/24")
        ground.ends.callback(server.down, directory / "vcenter")
        vcenter = server.up(directory / "vcenter", within=lab)
        wire = ground.inside.do(faulty_wire.open_wire, vcenter.address, directory)
        listener = ground.inside.do(socket.create_server, ("127.0.0.1", 0))
        proxy = FaultProxy({api: stack.url(api) for api in APIS}, listener=listener)
        config = write_site(ground.record, lab)  # its CPI is used no more as soon as there is a CPI config
        forwarding = ground.forward(int(vcenter.address.rpartition(":")[2]))
        outside = dataclasses.replace(vcenter, url=f"https://127.0.0.1:{forwarding.ports[1]}")
        site = ground.stand(
            SeveralSite, config, forwarding, directory / "vms" / "local",
            tenant=tenant, net=net, proxy=proxy, seen=VcenterApi(outside), wire=wire,
        )  # fmt: skip
        site.open(vcenter)
        return site
