"""The core's deployment on OpenStack, from a manifest to running jobs; after each step nova, cinder, neutron and glance are asked what came of it."""

from __future__ import annotations

import json

import pytest

from tests.clouds.deploys.story import Story
from tests.e2e.lab.shop import NAME


@pytest.fixture(scope="module")
def story(site):
    """One store and two web fronts, from nothing."""
    return Story.begin(site, web=2, disk="small")


def sizes(site):
    """Volume -> its GiB and state."""
    return {cid: (one.size, one.status) for cid, one in site.volumes().items()}


def test_from_nothing_to_running(site, story):
    story.runs_from_nothing()
    assert {one.status for one in site.servers().values()} == {"ACTIVE"}


def test_the_stemcell_is_an_image(site, story):
    [stemcell] = site.api.get("/stemcells")
    image = site.tenant.member.image.get_image(stemcell["cid"])
    assert (image.status, image.disk_format, image.visibility) == ("active", "raw", "private")
    assert {one.image.id for one in site.servers().values()} == {image.id}


def test_each_vm_is_a_server_with_a_port_of_its_own(site, story):
    servers, ports = site.servers(), site.ports()
    for row in site.api.instances(NAME):
        server = servers[row["vm_cid"]]
        assert (server.status, server.availability_zone, str(server.has_config_drive)) == ("ACTIVE", "nova", "True")
        assert server.flavor.original_name == site.flavor.name
        [port] = [one for one in ports.values() if one.device_id == server.id]
        assert [one["ip_address"] for one in port.fixed_ips] == row["ips"]
        links = json.loads(site.run(row, "ip -j link show"))
        assert port.mac_address in {one["address"] for one in links}
    assert len(ports) == 3, "a port of a compilation VM is still there"


def test_each_vm_says_what_it_is_for(site, story):
    servers = site.servers()
    for row in site.api.instances(NAME):
        said = servers[row["vm_cid"]].metadata
        wanted = {"deployment": NAME, "job": row["job_name"], "index": str(row["index"]), "id": row["id"]}
        assert {key: said.get(key) for key in wanted} == wanted


def test_the_agent_read_its_settings_from_the_config_drive(site, story):
    story.agents_have_their_settings()
    for row in site.api.instances(NAME):
        read = json.loads(site.run(row, "cat /var/vcap/bosh/settings.json"))
        drive = site.tenant.recorded(row["vm_cid"]) / "config-drive"
        assert read == json.loads((drive / "ec2/latest/user-data").read_bytes())


def test_the_disk_is_a_volume_and_mounted(site, story):
    story.data_lie_on_the_disk()
    [store], [web, _] = site.group("store"), site.group("web")
    [volume] = site.volumes().values()
    assert (volume.id, volume.size, volume.status) == (store["disk_cid"], 1, "in-use")
    assert [one["server_id"] for one in volume.attachments] == [store["vm_cid"]]
    assert (site.attached(store), site.attached(web)) == ([volume.id], [])


def test_an_unchanged_deploy_calls_nobody(site, story):
    asked = len(site.proxy.seen)
    story.unchanged_calls_nobody()
    assert len(site.proxy.seen) == asked, "OpenStack was asked something"


def test_a_changed_property_updates_in_place(story):
    story.a_property_changes_in_place()


def test_a_vm_that_is_off_is_rebooted(site, story):
    [web, _] = site.group("web")
    story.a_vm_that_is_off_is_rebooted()
    asked = site.tenant.member.compute.get(f"/servers/{web['vm_cid']}/os-instance-actions").json()
    assert asked["instanceActions"][0]["action"] == "start"


def test_recreate_gives_a_new_vm_with_the_old_disk(site, story):
    step = story.recreate_keeps_the_disk()
    [store] = site.group("store")
    assert step.before[store["id"]]["vm_cid"] not in {one.device_id for one in site.ports().values()}
    [volume] = site.volumes().values()
    assert [one["server_id"] for one in volume.attachments] == [store["vm_cid"]]


def test_a_new_stemcell_gives_new_vms_with_the_old_disk(site, story):
    story.a_new_stemcell_keeps_the_bytes()
    servers = site.servers()
    cids = {one["version"]: one["cid"] for one in site.api.get("/stemcells")}
    assert {server.image.id for server in servers.values()} == {cids["1.1"]} != {cids["1.0"]}
    assert {one.device_id for one in site.ports().values()} == set(servers), "a port outlived its VM"
    [store] = site.group("store")
    assert site.attached(store) == store["disk_cids"]


def test_a_stemcell_that_is_deleted_is_no_image_any_more(site, story):
    old = next(one for one in site.api.get("/stemcells") if one["version"] == "1.0")
    site.api.run("DELETE", f"/stemcells/{old['name']}/1.0")
    [left] = site.api.get("/stemcells")
    assert site.inventory()["images"] == sorted([*site.untouched["images"], left["cid"]])


def test_scaling_touches_only_the_difference(site, story):
    story.scaling_touches_only_the_difference()
    assert len(site.servers()) == len(site.ports()) == 2


def test_a_larger_disk_takes_over_the_data(site, story):
    step = story.a_larger_disk_takes_over_the_data("bigger")
    [store] = site.group("store")
    [old] = step.before[store["id"]]["disk_cids"]
    assert sizes(site) == {old: (1, "available"), store["disk_cid"]: (2, "in-use")}
    assert site.attached(store) == [store["disk_cid"]]
    story.an_orphan_is_deleted()
