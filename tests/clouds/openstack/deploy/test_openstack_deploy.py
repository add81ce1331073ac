"""The core's deployment on OpenStack, from a manifest to running jobs; after each step nova, cinder, neutron and glance are asked what came of it."""

from __future__ import annotations

import json

import pytest

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
    assert set(site.servers()) == {row["vm_cid"] for row in rows}, "a compilation VM is still there"
    calls = cpi_calls(site.api, first.task["id"])
    assert (calls["create_vm"] - calls["delete_vm"], calls["create_disk"], calls["attach_disk"]) == (3, 1, 1)


def test_the_stemcell_is_an_image(site, first):
    [stemcell] = site.api.get("/stemcells")
    image = site.tenant.member.image.get_image(stemcell["cid"])
    assert (image.status, image.disk_format, image.visibility) == ("active", "raw", "private")
    assert {one.image.id for one in site.servers().values()} == {image.id}


def test_each_vm_is_a_server_with_a_port_of_its_own(site, first):
    servers, ports = site.servers(), site.ports()
    for row in site.api.instances(NAME):
        server = servers[row["vm_cid"]]
        assert (server.status, server.availability_zone, str(server.has_config_drive)) == ("ACTIVE", "nova", "True")
        assert server.flavor.original_name == site.flavor.name
        [port] = [one for one in ports.values() if one.device_id == server.id]
        assert [one["ip_address"] for one in port.fixed_ips] == row["ips"]
        links = json.loads(site.shell(row, "ip -j link show").stdout)
        assert port.mac_address in {one["address"] for one in links}
    assert len(ports) == 3, "a port of a compilation VM is still there"


def test_each_vm_says_what_it_is_for(site, first):
    servers = site.servers()
    for row in site.api.instances(NAME):
        said = servers[row["vm_cid"]].metadata
        wanted = {"deployment": NAME, "job": row["job_name"], "index": str(row["index"]), "id": row["id"]}
        assert {key: said.get(key) for key in wanted} == wanted


def test_the_agent_read_its_settings_from_the_config_drive(site, first):
    for row in site.api.instances(NAME):
        read = json.loads(site.host.path(row["vm_cid"], "/var/vcap/bosh/settings.json").read_text())
        drive = site.tenant.recorded(row["vm_cid"]) / "config-drive"
        assert read == json.loads((drive / "ec2/latest/user-data").read_bytes())
        assert read["agent_id"] == row["agent_id"]
        assert not site.host.path(row["vm_cid"], "/var/vcap/seed/settings.json").exists(), (
            "settings came by a way that OpenStack has not"
        )


def test_the_disk_is_a_volume_and_mounted(site, first):
    [store], [web, _] = site.group("store"), site.group("web")
    [volume] = site.volumes().values()
    assert (volume.id, volume.size, volume.status) == (store["disk_cid"], 1, "in-use")
    assert [one["server_id"] for one in volume.attachments] == [store["vm_cid"]]
    assert volumes_of(site, store) == [volume.id]
    assert volumes_of(site, web) == []
    assert kinds_of_mounts(site, store) == {"/var/vcap/store": "ext4", "/var/vcap/data": "ext4"}
    assert kinds_of_mounts(site, web) == {"/var/vcap/data": "ext4"}
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    assert site.host.path(store["vm_cid"], "/var/vcap/store/demo/counter").read_text() == str(count)


def volumes_of(site, row):
    """The volumes that nova has attached to a VM."""
    return [one.volume_id for one in site.tenant.member.compute.volume_attachments(row["vm_cid"])]


def kinds_of_mounts(site, row):
    """File systems of the places where disks are mounted."""
    lines = site.host.path(row["vm_cid"], "/proc/1/mounts").read_text().splitlines()
    found = {line.split()[1]: line.split()[2] for line in lines}
    return {place: found[place] for place in ("/var/vcap/store", "/var/vcap/data") if place in found}


def test_an_unchanged_deploy_calls_nobody(site, first):
    boots, asked = site.boots(), len(site.proxy.seen)
    finished = site.api.deploy(manifest())
    assert (cpi_calls(site.api, finished.task["id"]), agent_calls(site.api, finished.task["id"])) == ({}, {})
    assert len(site.proxy.seen) == asked, "OpenStack was asked something"
    assert site.boots() == boots


def test_a_changed_property_updates_in_place(site, first):
    boots = site.boots()
    finished = site.api.deploy(manifest(greeting="Good day"))
    assert cpi_calls(site.api, finished.task["id"]) == {}
    assert {site.inside.get(row["ips"][0])["greeting"] for row in site.group("web")} == {"Good day"}
    assert site.boots() == boots


def test_a_new_stemcell_gives_new_vms_with_the_old_disk(site, first):
    before = {row["id"]: row for row in site.api.instances(NAME)}
    [store], [web, _] = site.group("store"), site.group("web")
    count, [volume] = site.inside.get(web["ips"][0])["store"]["counter"], site.volumes()
    site.api.upload_stemcell(site.openstack_stemcell("1.1"))
    site.api.deploy(manifest(greeting="Good day", stemcell="1.1"))
    after = {row["id"]: row for row in site.api.instances(NAME)}
    assert after.keys() == before.keys() and running(after.values()) == {"store/0", "web/0", "web/1"}
    servers = site.servers()
    assert set(servers) == {row["vm_cid"] for row in after.values()}
    assert set(servers).isdisjoint(row["vm_cid"] for row in before.values())
    old, new = (next(one for one in site.api.get("/stemcells") if one["version"] == n) for n in ("1.0", "1.1"))
    assert {server.image.id for server in servers.values()} == {new["cid"]} != {old["cid"]}
    assert {one.device_id for one in site.ports().values()} == set(servers), "a port outlived its VM"
    assert (after[store["id"]]["disk_cids"], list(site.volumes())) == ([volume], [volume])
    assert volumes_of(site, after[store["id"]]) == [volume]
    [web, _] = site.group("web")
    assert site.inside.get(web["ips"][0])["store"]["counter"] == count + 1


def test_a_stemcell_that_is_deleted_is_no_image_any_more(site, first):
    old = next(one for one in site.api.get("/stemcells") if one["version"] == "1.0")
    site.api.run("DELETE", f"/stemcells/{old['name']}/1.0")
    [left] = site.api.get("/stemcells")
    assert site.inventory()["images"] == sorted([*site.untouched["images"], left["cid"]])


def test_scaling_touches_only_the_difference(site, first):
    boots = site.boots()
    up = site.api.deploy(manifest(web=3, greeting="Good day", stemcell="1.1")).task["id"]
    assert cpi_calls(site.api, up) == {"create_vm": 1, "set_vm_metadata": 1}
    now = site.boots()
    assert {cid: now.get(cid) for cid in boots} == boots
    assert set(now) == {row["vm_cid"] for row in site.api.instances(NAME)}
    down = site.api.deploy(manifest(web=1, greeting="Good day", stemcell="1.1")).task["id"]
    assert cpi_calls(site.api, down) == {"delete_vm": 2}
    assert set(site.servers()) == {row["vm_cid"] for row in site.api.instances(NAME)}
    assert len(site.servers()) == len(site.ports()) == 2


def test_a_larger_disk_takes_over_the_data(site, first):
    [store], [web] = site.group("store"), site.group("web")
    count = site.inside.get(web["ips"][0])["store"]["counter"]
    wanted = manifest(web=1, greeting="Good day", stemcell="1.1")
    wanted["instance_groups"][0]["persistent_disk_type"] = "bigger"
    site.api.deploy(wanted)
    [now] = site.group("store")
    volumes = site.volumes()
    assert {cid: (one.size, one.status) for cid, one in volumes.items()} == {
        store["disk_cid"]: (1, "available"),
        now["disk_cid"]: (2, "in-use"),
    }
    assert volumes_of(site, now) == [now["disk_cid"]]
    assert site.inside.get(web["ips"][0])["store"]["counter"] == count + 1
    [orphan] = site.api.get("/disks")
    site.api.run("DELETE", f"/disks/{orphan['disk_cid']}")
    assert list(site.volumes()) == [now["disk_cid"]]
