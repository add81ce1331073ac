"""Each property of the reference: it has its effect in the cloud, or it is refused before anything is made."""

from __future__ import annotations

import json

import pytest

from cpi.contract import CloudError, InvalidCall, NoDiskSpace, NotSupported, VMCreationFailed
from tests.clouds.openstack.tenant import stemcell_archive

ADMINISTRATOR = {"username": "admin", "api_key": "meristem", "project": "admin"}


@pytest.mark.parametrize(
    ("properties", "over", "words"),
    [
        ({"instance_typ": "x"}, {}, "unknown property 'instance_typ'; did you mean 'instance_type'"),
        ({"instance_type": None}, {}, "'instance_type' is missing"),
        ({"instance_type": "nosuch"}, {}, "instance_type 'nosuch': nova at .* has no such flavor; there are: .*small"),
        ({"instance_type": "SWAPLESS"}, {}, "ephemeral disk of 4 GiB for 4096 MiB of memory: .* at least 8 GiB"),
        ({"availability_zones": ["nova"]}, {}, "'availability_zones' needs ignore_server_availability_zone"),
        ({"availability_zones": ["a"], "availability_zone": "b"}, {}, "'availability_zones' excludes"),
        (
            {"availability_zone": "nowhere"},
            {},
            "The requested availability zone is not available.*HTTP 400, request req-",
        ),
        ({"root_disk": {"size": 4}}, {}, "'root_disk' needs boot_from_volume"),
        ({"root_disk": {"sise": 4}}, {}, "root_disk: unknown property 'sise'"),
        ({"security_groups": ["nosuch"]}, {}, "security group 'nosuch': neutron at .* none of this name or id"),
        ({"key_name": "nosuch"}, {}, "key pair 'nosuch' .* Invalid key_name"),
        ({"scheduler_hints": {"group": "nosuch"}}, {}, "server group 'nosuch'"),
        ({"allowed_address_pairs": "10.0.0"}, {}, "'allowed_address_pairs' holds '10.0.0'"),
        ({"loadbalancer_pools": [{"name": "web"}]}, {}, "loadbalancer_pools: each needs a name and a port"),
        ({"loadbalancer_pools": [{"name": "web", "port": 80}]}, {}, "this cloud has no load balancers"),
    ],
)
def test_wrong_vm_properties_make_nothing(tenant, cpi, stemcell, same, properties, over, words):
    wanted = {"instance_type": tenant.small, **properties}
    if wanted["instance_type"] == "SWAPLESS":
        wanted["instance_type"] = f"{tenant.name}.swapless"
    given = {key: value for key, value in wanted.items() if value is not None}
    with pytest.raises((CloudError, VMCreationFailed), match=words):
        cpi("create_vm", "agent", stemcell, given, {"a": tenant.manual("10.11.0.101")}, [], {}, **over)


def test_wrong_networks_disks_and_stemcells_make_nothing(tenant, cpi, stemcell, same):
    def create(networks, **over):
        return cpi("create_vm", "agent", stemcell, {"instance_type": tenant.small}, networks, [], {}, **over)

    with pytest.raises(CloudError, match="network 'a': unknown property 'subnet'"):
        create({"a": tenant.manual("10.11.0.102", subnet="x")})
    with pytest.raises(CloudError, match="'net_id' is missing: the UUID of the network"):
        create({"a": {"type": "dynamic", "cloud_properties": {}}})
    with pytest.raises(CloudError, match="needs a manual or dynamic network"):
        create({"v": {"type": "vip", "ip": "172.30.0.9"}})
    with pytest.raises(CloudError, match=r"floating IP 172\.30\.0\.250 is not allocated"):
        create({"a": tenant.manual("10.11.0.102"), "v": {"type": "vip", "ip": "172.30.0.250"}})
    other = {**tenant.manual("10.12.0.9"), "cloud_properties": {"net_id": tenant.second.id}}
    with pytest.raises(CloudError, match=r"several manual networks needs .*use_dhcp: false and config_drive"):
        create({"a": tenant.manual("10.11.0.102"), "b": other})
    with pytest.raises(CloudError, match="share a card, so their net_id must be the same"):
        create({"a": {**tenant.manual("10.11.0.102"), "nic_group": "0"}, "b": {**other, "nic_group": "0"}})
    with pytest.raises(NotSupported, match="prefix /28"):
        create({"a": {**tenant.manual("10.11.0.112"), "prefix": "28"}})
    with pytest.raises(VMCreationFailed, match=r"Network .* could not be found"):
        create({"a": {"type": "dynamic", "cloud_properties": {"net_id": "00000000-0000-4000-8000-000000000000"}}})
    with pytest.raises(CloudError, match="disk: unknown property 'typ'; did you mean 'type'"):
        cpi("create_disk", 1024, {"typ": "x"}, None)
    archive = stemcell_archive(tenant.folder / "wrong")
    with pytest.raises(CloudError, match="'disk_format' must be one of"):
        cpi("create_stemcell", str(archive), {"disk_format": "tar"})
    with pytest.raises(CloudError, match="stemcell: unknown property 'archtecture'; did you mean 'architecture'"):
        cpi("create_stemcell", str(archive), {"archtecture": "x86_64"})


def test_a_server_group_by_name_spreads_and_a_full_one_says_so(tenant, boot):
    group = tenant.member.compute.create_server_group(name=f"{tenant.name}-aa", policy="anti-affinity")
    wanted = {"scheduler_hints": {"group": group.name}}
    made = [boot(wanted, {"a": tenant.manual(f"10.11.0.{n}")}) for n in (105, 106)]
    assert len({boot.seen_by_admin(one)["OS-EXT-SRV-ATTR:host"] for one in made}) == 2
    assert set(tenant.member.compute.get_server_group(group.id).member_ids) == {one.id for one in made}
    with pytest.raises(VMCreationFailed, match=r"No valid host was found.*free or add hypervisors") as failed:
        boot({"scheduler_hints": {"group": group.id}}, {"a": tenant.manual("10.11.0.107")})
    assert failed.value.ok_to_retry
    tenant.member.compute.delete_server_group(group.id)


def test_security_groups_of_vm_network_and_default(tenant, boot):
    network = tenant.member.network
    one, two, three = (network.create_security_group(name=f"{tenant.name}-{n}") for n in (1, 2, 3))

    def groups(properties=None, **entry):
        server = boot(properties, {"a": tenant.manual("10.11.0.108", **entry)}, default_security_groups=[three.name])
        found = set(boot.ports(server)[0].security_group_ids)
        boot.cpi("delete_vm", boot.made.pop())
        return found

    assert groups() == {three.id}
    assert groups(security_groups=[two.name]) == {two.id}
    assert groups({"security_groups": [one.id, three.name]}, security_groups=[two.name]) == {one.id, three.id}
    for group in (one, two, three):
        network.delete_security_group(group.id)


def test_several_networks_with_a_config_drive(tenant, boot):
    server = boot(
        None,
        {
            "a": tenant.manual("10.11.0.109"),
            "b": {"type": "manual", "ip": "10.12.0.9", "netmask": "255.255.255.0", "gateway": "10.12.0.1",
                  "cloud_properties": {"net_id": tenant.second.id}},
        },
        use_dhcp=False,
        config_drive="cdrom",
    )  # fmt: skip
    assert {port.fixed_ips[0]["ip_address"] for port in boot.ports(server)} == {"10.11.0.109", "10.12.0.9"}
    drive = boot.tenant.recorded(server.id) / "config-drive"
    settings = json.loads((drive / "openstack/latest/user_data").read_text())
    assert settings == boot.settings(server)
    assert {entry["use_dhcp"] for entry in settings["networks"].values()} == {False}
    network = json.loads((drive / "openstack/latest/network_data.json").read_text())
    macs = {entry["mac"] for entry in settings["networks"].values()}
    assert {link["ethernet_mac_address"] for link in network["links"]} == macs


def test_networks_that_share_a_card_and_address_pairs(tenant, boot):
    server = boot(
        {"allowed_address_pairs": "10.11.0.250"},
        {
            "a": {**tenant.manual("10.11.0.110"), "nic_group": "x"},
            "b": {**tenant.manual("10.11.0.111"), "nic_group": "x"},
        },
    )
    (port,) = boot.ports(server)
    assert {one["ip_address"] for one in port.fixed_ips} == {"10.11.0.110", "10.11.0.111"}
    assert [one["ip_address"] for one in port.allowed_address_pairs] == ["10.11.0.250"]


def test_a_dynamic_network_and_a_floating_ip(tenant, boot, cpi):
    network = tenant.member.network
    address = network.create_ip(floating_network_id=tenant.external.id)
    networks = {
        "a": {"type": "dynamic", "default": ["dns", "gateway"], "cloud_properties": {"net_id": tenant.net.id}},
        "v": {"type": "vip", "ip": address.floating_ip_address},
    }
    server = boot(None, networks)
    (port,) = boot.ports(server)
    found = network.get_ip(address.id)
    assert found.port_id == port.id and found.fixed_ip_address == port.fixed_ips[0]["ip_address"]
    assert boot.settings(server)["networks"]["a"]["ip"] == port.fixed_ips[0]["ip_address"]
    # another VM takes it over
    other = boot(None, networks)
    assert network.get_ip(address.id).port_id == boot.ports(other)[0].id
    cpi("delete_vm", other.id)
    assert network.get_ip(address.id).port_id is None
    network.delete_ip(address.id)


def test_boot_from_volume(tenant, boot, cpi):
    storage = tenant.member.block_storage
    server = boot({"boot_from_volume": True, "root_disk": {"size": 4}}, default_volume_type="loop")
    (attachment,) = tenant.member.compute.volume_attachments(server.id)
    root = storage.get_volume(attachment.volume_id)
    assert (root.size, root.is_bootable, root.volume_type) == (4, True, "loop") and not (server.image or {}).get("id")
    assert cpi("get_disks", server.id) == []  # the root disk is not a persistent one
    disk = cpi("create_disk", 1024, {}, server.id)
    cpi("attach_disk", server.id, disk)
    assert cpi("get_disks", server.id) == [disk]
    cpi("delete_vm", server.id)
    assert [one.id for one in storage.volumes()] == [disk]
    cpi("delete_disk", disk)
    sized = boot({"instance_type": f"{tenant.name}.diskless"}, boot_from_volume=True)
    (attachment,) = tenant.member.compute.volume_attachments(sized.id)
    assert storage.get_volume(attachment.volume_id).size == 10


def test_an_ephemeral_disk_and_a_key_pair(tenant, boot):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.generate().public_key()
    text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    for name in ("one", "two"):
        tenant.member.compute.create_keypair(name=name, public_key=text)
    server = boot({"instance_type": f"{tenant.name}.ephemeral"}, default_key_name="one")
    assert server.key_name == "one" and boot.settings(server)["disks"]["ephemeral"] == "/dev/sdb"
    named = boot({"key_name": "two"}, {"a": tenant.manual("10.11.0.113")}, default_key_name="one")
    assert named.key_name == "two"


def test_the_smallest_flavor_that_is_large_enough(tenant, cpi):
    def chosen(cpu, ram, disk, **over):
        need = {"cpu": cpu, "ram": ram, "ephemeral_disk_size": disk}
        return cpi("calculate_vm_cloud_properties", need, **over)

    assert chosen(1, 512, 4096)["instance_type"] == f"{tenant.name}.ephemeral"
    assert chosen(2, 512, 20 * 1024)["instance_type"] == f"{tenant.name}.large"
    by_volume = chosen(3, 512, 20 * 1024, boot_from_volume=True)
    assert by_volume == {"instance_type": f"{tenant.name}.diskless", "root_disk": {"size": 30}}
    with pytest.raises(CloudError, match=r"no flavor has 128 CPUs.*small \(1 CPUs, 512 MiB, 3 GiB\)"):
        chosen(128, 512, 1024)
    with pytest.raises(InvalidCall, match="cpu must be a whole number"):
        chosen("1", 512, 1024)


def test_managed_networks(tenant, cpi, same):
    network = tenant.member.network
    cid, addresses, properties = cpi(
        "create_network",
        {"type": "manual", "range": "10.44.0.0/24", "gateway": "10.44.0.1",
         "cloud_properties": {"router": tenant.router.name, "dns": ["9.9.9.9"]}},
    )  # fmt: skip
    assert (addresses, properties) == (
        {"range": "10.44.0.0/24", "gateway": "10.44.0.1", "reserved": []},
        {"net_id": cid},
    )
    (subnet,) = network.subnets(network_id=cid)
    assert subnet.cidr == "10.44.0.0/24" and subnet.dns_nameservers == ["9.9.9.9"]
    assert [port.network_id for port in network.ports(device_id=tenant.router.id, network_id=cid)] == [cid]
    cpi("delete_network", cid)
    with pytest.raises(CloudError, match="give a range"):
        cpi("create_network", {"type": "manual", "cloud_properties": {}})
    with pytest.raises(CloudError, match=r"gateway 10.9.0.1 does not lie in"):
        cpi("create_network", {"type": "manual", "range": "10.8.0.0/24", "gateway": "10.9.0.1"})
    with pytest.raises(CloudError, match="router 'nosuch'"):
        cpi("create_network", {"type": "manual", "range": "10.8.0.0/24", "cloud_properties": {"router": "nosuch"}})


def test_a_managed_network_out_of_a_pool(tenant, cpi, same):
    """As an administrator: neutron's query for pools that other accounts may see fails on PostgreSQL."""
    network = tenant.admin.network
    pool = network.create_subnet_pool(name=tenant.name, prefixes=["10.46.0.0/16"])
    wanted = {"type": "manual", "netmask_bits": 26, "cloud_properties": {"subnetpool": pool.id}}
    cid, addresses, properties = cpi("create_network", wanted, **ADMINISTRATOR)
    (subnet,) = network.subnets(network_id=cid)
    assert subnet.subnet_pool_id == pool.id and properties == {"net_id": cid}
    assert subnet.cidr.startswith("10.46.") and subnet.cidr.endswith("/26")
    assert addresses == {"range": subnet.cidr, "gateway": subnet.gateway_ip, "reserved": []}
    cpi("delete_network", cid, **ADMINISTRATOR)
    network.delete_subnet_pool(pool.id)


def test_public_stemcells_are_an_administrators(tenant, cpi, same):
    archive = stemcell_archive(tenant.folder / "public")
    with pytest.raises(CloudError, match=r"HTTP 403, request req-.*give it the role"):
        cpi("create_stemcell", str(archive), {"name": "p"}, stemcell_public_visibility=True)
    admin = {**ADMINISTRATOR, "stemcell_public_visibility": True}
    cid = cpi("create_stemcell", str(archive), {"name": "p"}, **admin)
    assert tenant.member.image.get_image(cid).visibility == "public"
    cpi("delete_stemcell", cid, **admin)


def test_quotas_are_told_with_their_remedy(tenant, cpi, stemcell, same):
    tenant.admin.set_volume_quotas(tenant.project.id, volumes=0)
    tenant.admin.set_compute_quotas(tenant.project.id, instances=0)
    try:
        with pytest.raises(NoDiskSpace, match="raise the project's quota"):
            cpi("create_disk", 1024, {}, None)
        with pytest.raises(
            VMCreationFailed, match=r"Quota exceeded for instances.*raise the project's quota"
        ) as failed:
            cpi(
                "create_vm",
                "agent",
                stemcell,
                {"instance_type": tenant.small},
                {"a": tenant.manual("10.11.0.114")},
                [],
                {},
            )
        assert "request req-" in str(failed.value) and not failed.value.ok_to_retry
    finally:
        tenant.admin.set_volume_quotas(tenant.project.id, volumes=100)
        tenant.admin.set_compute_quotas(tenant.project.id, instances=100)
