"""A project of its own in the lab's cloud, and what a test asks of the cloud itself, past the CPI."""

from __future__ import annotations

import asyncio
import gzip
import io
import secrets
import subprocess
import tarfile
import threading
import time
from pathlib import Path

from cpi.client import WorkerClient

MIB = 1 << 20


class Tenant:
    """`admin` is the cloud's administrator, `member` the account that the CPI uses; both are openstacksdk's."""

    def __init__(self, stack, folder: Path) -> None:
        import openstack.config  # here, as the packages may not be installed where tests are only collected

        self.stack = stack
        self.folder = folder
        self.name = f"t{secrets.token_hex(4)}"
        files = openstack.config.OpenStackConfig(config_files=[str(stack.clouds_yaml)], load_envvars=False)
        self.admin = openstack.connection.Connection(config=files.get_one("meristem"))
        self.password = f"p{secrets.token_hex(8)}"  # never read as a number
        identity = self.admin.identity
        self.project = identity.create_project(name=self.name, domain_id="default")
        self.user = identity.create_user(name=self.name, password=self.password, domain_id="default")
        identity.assign_project_role_to_user(self.project, self.user, identity.find_role("member"))
        self.admin.set_compute_quotas(self.project.id, cores=200, instances=100, ram=200_000)
        self.admin.set_volume_quotas(self.project.id, volumes=100, snapshots=100, gigabytes=5000)
        self.member = self.signed_in()
        self.net, self.subnet = self.network("10.11.0.0/24")
        self.second, _ = self.network("10.12.0.0/24")
        self.external = self.admin.network.create_network(
            name=f"{self.name}-ext", is_router_external=True, provider_network_type="flat",
            provider_physical_network=f"p{self.name}",
        )  # fmt: skip
        self.admin.network.create_subnet(
            network_id=self.external.id, ip_version=4, cidr="172.30.0.0/24", enable_dhcp=False
        )
        self.router = self.member.network.create_router(
            name=self.name, external_gateway_info={"network_id": self.external.id}
        )
        self.member.network.add_interface_to_router(self.router, subnet_id=self.subnet.id)
        self.flavors = [
            self.flavor("small", vcpus=1, ram=512, disk=3, ephemeral=0),
            self.flavor("ephemeral", vcpus=1, ram=1024, disk=3, ephemeral=4),
            self.flavor("swapless", vcpus=1, ram=4096, disk=3, ephemeral=4),
            self.flavor("large", vcpus=2, ram=2048, disk=30, ephemeral=0),
            self.flavor("diskless", vcpus=4, ram=4096, disk=0, ephemeral=0),
        ]
        self.small = self.flavors[0].name

    def signed_in(self):
        import openstack

        return openstack.connect(
            auth_url=self.stack.identity_url, username=self.name, password=self.password, project_name=self.name,
            user_domain_name="Default", project_domain_name="Default", region_name="RegionOne",
            load_yaml_config=False, load_envvars=False,
        )  # fmt: skip

    def flavor(self, name: str, **sizes: int):
        """Seen by this project alone."""
        made = self.admin.compute.create_flavor(name=f"{self.name}.{name}", is_public=False, **sizes)
        self.admin.compute.flavor_add_tenant_access(made.id, self.project.id)
        return made

    def network(self, cidr: str):
        net = self.member.network.create_network(name=f"{self.name}-{cidr}")
        subnet = self.member.network.create_subnet(network_id=net.id, ip_version=4, cidr=cidr, enable_dhcp=False)
        return net, subnet

    @property
    def properties(self) -> dict[str, object]:
        """The CPI's, as an operator writes them."""
        return {
            "auth_url": self.stack.identity_url,
            "username": self.name,
            "api_key": self.password,
            "project": self.name,
            "domain": "Default",
            "region": "RegionOne",
            "state_timeout": 90,
            "agent": {"mbus": "nats://10.0.0.1:4222", "ntp": ["10.0.0.1"]},
        }

    def manual(self, ip: str, **properties: object) -> dict[str, object]:
        """One manual network's entry on the first network."""
        return {
            "type": "manual", "ip": ip, "netmask": "255.255.255.0", "gateway": "10.11.0.1", "dns": ["10.11.0.2"],
            "default": ["dns", "gateway"], "cloud_properties": {"net_id": self.net.id, **properties},
        }  # fmt: skip

    def inventory(self) -> dict[str, list[str]]:
        """All that the project has, by kind, as the cloud lists it."""
        project = {"project_id": self.project.id}
        network = self.member.network
        return {
            "servers": sorted(one.id for one in self.member.compute.servers(details=False)),
            "volumes": sorted(one.id for one in self.member.block_storage.volumes(details=False)),
            "snapshots": sorted(one.id for one in self.member.block_storage.snapshots(details=False)),
            "images": sorted(one.id for one in self.member.image.images(owner=self.project.id)),
            "ports": sorted(
                port.id for port in network.ports(**project) if not (port.device_owner or "").startswith("network:")
            ),
            "networks": sorted(one.id for one in network.networks(**project)),
        }

    def recorded(self, cid: str) -> Path:
        """What the simulated hypervisor wrote down about a VM."""
        found = list(self.stack.path("nova").glob(f"cmp*/vms/{cid}"))
        assert len(found) == 1, found
        return found[0]

    def remove(self) -> None:
        """Take the project away with what is left in it."""
        for server in self.member.compute.servers(details=False):
            self.member.compute.delete_server(server.id)
        for _ in range(60):
            if not list(self.member.compute.servers(details=False)):
                break
            time.sleep(0.5)
        network = self.member.network
        for snapshot in self.member.block_storage.snapshots():
            self.member.block_storage.delete_snapshot(snapshot.id)
        for volume in self.member.block_storage.volumes():
            self.admin.block_storage.delete_volume(volume.id, force=True)
        for image in self.member.image.images(owner=self.project.id):
            self.member.image.delete_image(image.id)
        for address in network.ips(project_id=self.project.id):
            network.delete_ip(address.id)
        network.remove_interface_from_router(self.router, subnet_id=self.subnet.id)
        network.delete_router(self.router.id)
        for port in network.ports(project_id=self.project.id):
            network.delete_port(port.id)
        for net in network.networks(project_id=self.project.id):
            network.delete_network(net.id)
        self.admin.network.delete_network(self.external.id)
        for flavor in self.flavors:
            self.admin.compute.delete_flavor(flavor.id)
        self.admin.identity.delete_user(self.user)
        self.admin.identity.delete_project(self.project)


class Cpi:
    """A warm worker with the plugin, called from tests that are not coroutines."""

    def __init__(self, properties: dict[str, object]) -> None:
        self.properties = properties
        self.log: list[str] = []
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.client = WorkerClient("openstack", log=self.log.append)

    def begin(self, method: str, *arguments: object, key: str | None = None, deadline: float = 150.0, **over: object):
        """Start a call; the future of its result."""
        context = {**self.properties, **over, "director_uuid": "d1", "request_id": "cpi-123456"}
        if key:
            context["key"] = key
        call = self.client.call(method, list(arguments), context, deadline, self.log.append)
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def __call__(self, method: str, *arguments: object, key: str | None = None, deadline: float = 150.0,
                 **over: object):  # fmt: skip
        return self.begin(method, *arguments, key=key, deadline=deadline, **over).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.client.close(), self._loop).result(40)
        self._loop.call_soon_threadsafe(self._loop.stop)


def qcow2(path: Path) -> bytes:
    """A small qcow2 disk."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "64M"], check=True)
    return path.read_bytes()


def stemcell_archive(path: Path, disk: bytes = b"meristem" * (MIB // 2)) -> Path:
    """A stemcell's image as published ones have it: an archive with root.img."""
    with gzip.open(path, "wb", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        entry = tarfile.TarInfo("root.img")
        entry.size = len(disk)
        archive.addfile(entry, io.BytesIO(disk))
    return path
