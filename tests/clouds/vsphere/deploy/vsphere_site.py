"""A lab with a vCenter, a watcher that boots its VMs, and a director that deploys on it through a wire that can be cut.

The test process stays outside of the lab and is forwarded in; the wire's threads live in the lab's network."""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import signal
import subprocess
import sys

import yaml
from pyVmomi import vim

import lab as lab_room
from lab.demo.record import TREE, Record
from lab.demo.site import API_PORT, write_site
from lab.forward import Forwarding
from lab.vsphere import server
from lab.vsphere.stemcell import convert
from tests.clouds.vsphere import faulty_wire
from tests.clouds.vsphere.vcenter_api import Api as VcenterApi
from tests.e2e.lab import shop
from tests.e2e.lab.host import Host
from tests.e2e.lab.inside import Inside
from tests.e2e.lab.site import RUNS, Site
from tests.e2e.loopback.api import Api

VM_FOLDER, TEMPLATES, DISKS = "meristem/vms", "meristem/templates", "meristem_disks"
VM_STORE, DISK_STORE, FULL_STORE = "LocalDS_0", "LocalDS_1", "LocalDS_2"


@dataclasses.dataclass
class VsphereSite(Site):
    """`seen` asks the vCenter by its own API, past wire and CPI; `wire` is what the CPI speaks through."""

    seen: VcenterApi = None
    wire: faulty_wire.Wire = None
    watcher: subprocess.Popen = None
    untouched: tuple = ()

    def watch(self):
        command = [
            sys.executable, "-m", "lab.watcher", "vsphere", "--lab", str(self.record.lab),
            "--vcenter", str(self.directory / "vcenter"), "--dir", str(self.directory / "vms"),
        ]  # fmt: skip
        with (self.directory / "watcher.log").open("ab") as log:
            self.watcher = subprocess.Popen(
                self.lab.command(command), cwd=TREE, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.record.keep("watcher", self.watcher)

    def unwatch(self):
        self.watcher.send_signal(signal.SIGTERM)
        self.watcher.wait(20)

    def vsphere_stemcell(self, version):
        out = self.directory / f"vsphere-{version}.tgz"
        return out if out.exists() else convert(self.build_stemcell(version), out)

    def group(self, name):
        rows = [row for row in self.api.instances(shop.NAME) if row["job_name"] == name]
        return sorted(rows, key=lambda row: row["index"])

    def vms(self):
        """Names of the VMs in the folder of VMs, as vCenter says; a compilation VM would be among them."""
        folder = next((one for one in self.seen.all(vim.Folder) if one.name == "vms"), None)
        return {vm.name for vm in folder.childEntity} if folder else set()

    def boots(self):
        """VM -> vCenter's id of it and when it was started: nothing of this changes where nothing is to be done."""
        return {name: (vm._moId, vm.summary.runtime.bootTime) for name in self.vms() for vm in [self.seen.vm(name)]}

    def disk_files(self):
        return {path for path in self.seen.files() if f" {DISKS}/" in path and not path.endswith("-flat.vmdk")}

    def inventory(self):
        return self.seen.vm_names(), self.seen.files()

    def begin(self, wanted):
        """A deploy under way; its task."""
        return self.api.start("POST", "/deployments", body=yaml.safe_dump(wanted).encode(), kind="text/yaml")

    def answers(self, row):
        try:
            return self.inside.get(row["ips"][0], "/health", seconds=1) == {"status": "ok"}
        except OSError:
            return False

    def down(self):
        self.stop()
        if self.watcher is not None:
            self.unwatch()
        faulty_wire.close(self.wire)
        self.seen.close()
        server.down(self.directory / "vcenter")
        super().down()


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


def cloud_config():
    """The local lab's, in vSphere's words."""
    config = shop.cloud_config()
    config["azs"][0]["cloud_properties"] = {"datacenters": [{"name": "DC0", "clusters": [{"DC0_C0": {}}]}]}
    size = {"cpu": 1, "ram": 256, "disk": 1024}
    config["vm_types"] = [
        {"name": "default", "cloud_properties": size},
        {"name": "nowhere", "cloud_properties": {**size, "datastores": [FULL_STORE]}},
    ]
    config["networks"][0]["subnets"][0]["cloud_properties"] = {"name": "DC0_DVPG0"}
    return config


def build():
    """All of it, running, with stemcell, release and cloud config; nothing is deployed."""
    name = f"vs-{secrets.token_hex(3)}"
    directory = RUNS / name
    (directory / "home").mkdir(parents=True)
    record = Record(directory)
    lab = lab_room.up(record.lab, name)
    site = None
    try:
        vcenter = server.up(directory / "vcenter", within=lab)
        lab.keep_disks(directory / "vcenter")
        inside = Inside(lab)
        wire = inside.do(faulty_wire.open_wire, vcenter.address, directory)
        config = write_site(record, lab)
        document = yaml.safe_load(config.read_text())
        document["meristem"]["cpi"] = {"type": "vsphere", "properties": cpi_properties(vcenter, wire.address)}
        config.write_text(yaml.safe_dump(document, sort_keys=False))
        port = int(vcenter.address.rpartition(":")[2])
        forwarding = Forwarding.start(lab, [(0, lab.address, API_PORT), (0, "127.0.0.1", port)])
        outside = dataclasses.replace(vcenter, url=f"https://127.0.0.1:{forwarding.ports[1]}")
        ca = directory / "certificates" / "api" / "ca.pem"
        api = Api(f"https://127.0.0.1:{forwarding.ports[0]}", ca, "admin", (directory / "password").read_text().strip())
        site = VsphereSite(
            directory, lab, record, config, forwarding, api, Host(lab, directory / "vms"), inside,
            seen=VcenterApi(outside), wire=wire,
        )  # fmt: skip
        site.untouched = site.inventory()
        site.watch()
        site.start()
        site.ready()
        site.api.upload_stemcell(site.vsphere_stemcell("1.0"))
        site.api.upload_release(site.build_release())
        site.api.update_config("cloud", cloud_config())
    except BaseException:
        if site is not None:
            site.down()
        else:
            server.down(directory / "vcenter")
            lab.down()
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return site
