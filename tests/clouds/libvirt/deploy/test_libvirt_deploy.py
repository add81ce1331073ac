"""The core's deployment on machines of libvirt, from a manifest to running jobs; after each step libvirt is asked by its own API what came of it."""

from __future__ import annotations

import pytest

from tests.clouds.deploys.story import STORE, Story, deletion_leaves_the_disk_alone
from tests.clouds.libvirt.deploy.machine_site import EPHEMERAL, MEMORY, WATCH
from tests.e2e.lab.shop import NAME

MIB = 1 << 20


@pytest.fixture(scope="module")
def story(site):
    """One store and one web front, from nothing."""
    return Story.begin(site, web=1, disk="small", watch=WATCH)


def test_from_nothing_to_running(site, story):
    story.runs_from_nothing()
    assert all(site.world.domain(cid).isActive() for cid in site.vms())


def test_the_stemcell_is_a_volume_and_machines_stand_on_it(site, story):
    [stemcell] = site.api.get("/stemcells")
    volume = site.volume(f"{stemcell['cid']}.qcow2")
    for cid in site.vms():
        assert site.standing_on(f"{cid}.root.qcow2") == volume.path()


def test_each_machine_has_the_hardware_that_was_asked_for(site, story):
    for row in site.api.instances(NAME):
        cid = row["vm_cid"]
        seen = site.definition(cid)
        assert (seen.get("type"), seen.findtext("memory"), seen.findtext("vcpu")) == ("qemu", str(MEMORY * 1024), "1")
        assert [one.get("network") for one in seen.findall("devices/interface/source")] == [site.lab.record.network]
        own = {f"{cid}.root.qcow2": "vda", f"{cid}.ephemeral.qcow2": "vdb", f"{cid}.config.iso": "vdz"}
        kept = {f"{row['disk_cid']}.qcow2": "sda"} if row["disk_cid"] else {}
        assert site.targets(cid) == own | kept
        assert site.volume(f"{cid}.ephemeral.qcow2").info()[1] == EPHEMERAL * MIB
        [card] = seen.findall("devices/interface/mac")
        assert card.get("address") == site.run(row, "cat /sys/class/net/eth0/address")


def test_each_machine_says_what_it_is_for(site, story):
    for row in site.api.instances(NAME):
        said = site.tags(row["vm_cid"])
        wanted = {"deployment": NAME, "job": row["job_name"], "index": str(row["index"]), "id": row["id"]}
        assert {key: said.get(key) for key in wanted} == wanted


def test_each_machine_tells_its_agents_boot_on_its_console(site, story):
    for row in site.api.instances(NAME):
        assert f"agent {row['agent_id']} is booted" in site.console(row["vm_cid"])


def test_agents_have_their_settings_from_the_config_drive(story):
    story.agents_have_their_settings()


def test_the_disk_is_a_volume_and_mounted(site, story):
    story.data_lie_on_the_disk()
    [store] = site.group("store")
    name = f"{store['disk_cid']}.qcow2"
    assert site.volume(name).info()[1] == 64 * MIB
    serial = site.serial(store["vm_cid"], name)
    mounted = site.run(store, f"findmnt -n -o SOURCE {STORE}")
    assert site.run(store, f"readlink -f /dev/disk/by-id/*{serial}*-part1") == mounted


def test_no_unit_of_a_machine_has_failed(site, story):
    for row in site.api.instances(NAME):
        assert site.run(row, "systemctl --failed --no-legend --plain") == ""


def test_an_unchanged_deploy_calls_nobody(story):
    story.unchanged_calls_nobody()


def test_a_changed_property_updates_in_place(story):
    story.a_property_changes_in_place()


def test_a_machine_that_is_off_is_rebooted(story):
    story.a_vm_that_is_off_is_rebooted()


def test_recreate_gives_a_new_machine_with_the_old_disk(site, story):
    step = story.recreate_keeps_the_disk()
    [store] = site.group("store")
    gone = step.before[store["id"]]["vm_cid"]
    assert [name for name in site.volumes() if name.startswith(gone)] == []
    assert site.targets(store["vm_cid"])[f"{store['disk_cid']}.qcow2"] == "sda"


def test_a_new_stemcell_gives_new_machines_with_the_old_disk(site, story):
    story.a_new_stemcell_keeps_the_bytes()
    cids = {one["version"]: one["cid"] for one in site.api.get("/stemcells")}
    assert cids["1.1"] != cids["1.0"]
    new = site.volume(f"{cids['1.1']}.qcow2").path()
    assert {site.standing_on(f"{cid}.root.qcow2") for cid in site.vms()} == {new}
    [name] = {one["name"] for one in site.api.get("/stemcells")}
    site.api.run("DELETE", f"/stemcells/{name}/1.0")
    assert [one for one in site.volumes() if one.startswith(cids["1.0"])] == []


def test_scaling_touches_only_the_difference(site, story):
    story.scaling_touches_only_the_difference()
    owners = {name.partition(".")[0] for name in site.volumes() if "-vm-" in name}
    assert owners == site.vms(), "a volume outlived its machine"


def test_a_larger_disk_takes_over_the_data(site, story):
    step = story.a_larger_disk_takes_over_the_data("default")
    [store] = site.group("store")
    [old] = step.before[store["id"]]["disk_cids"]
    assert site.volume(f"{store['disk_cid']}.qcow2").info()[1] == 256 * MIB
    kept = [name for name in site.targets(store["vm_cid"]) if "-disk-" in name]
    assert kept == [f"{store['disk_cid']}.qcow2"]
    assert f"{old}.qcow2" in site.volumes()
    story.an_orphan_is_deleted()


def test_deletion_leaves_the_disk_alone(site, story):
    deletion_leaves_the_disk_alone(site)
    assert [name for name in site.volumes() if "-stemcell-" not in name] == []


def test_nothing_is_left(site):
    site.remove_all()
    for stemcell in site.api.get("/stemcells"):
        site.api.run("DELETE", f"/stemcells/{stemcell['name']}/{stemcell['version']}")
    assert site.inventory() == site.untouched
