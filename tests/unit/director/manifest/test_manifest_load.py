"""Deployment manifests: what is read."""

from __future__ import annotations

import pytest
from shop import GOOD, fault, load

from director.manifest.cloud_config import load_cloud_config
from director.manifest.early import early_variables
from director.manifest.load import load_deployment
from director.model.errors import BadRequest


def test_the_whole() -> None:
    found = load(GOOD)
    web, smoke = found.instance_groups
    assert (found.name, [(one.name, one.version) for one in found.releases]) == (
        "shop",
        [("store", "1.2"), ("tools", "latest")],
    )
    assert found.update.max_in_flight == "25%"
    assert (found.update.canary_watch_time, found.update.update_watch_time) == ((1000, 30000), (None, 30000))
    assert (web.update.serial, web.update.max_in_flight, web.line) == (False, "25%", 16)
    assert web.networks[0].static_ips == ("10.0.0.10", "10.0.0.11")
    assert web.networks[0].default == ("dns", "gateway")
    assert web.disk is not None
    assert (web.disk.size, web.disk.name, web.disk.cloud_properties) == (2048, "fast", {"ssd": True})
    assert web.migrated_from == (("old", "z1"),)
    assert web.jobs[0].properties == {"password": "((pw))"}
    assert smoke.vm_resources == {"cpu": 1, "ram": 512, "ephemeral_disk_size": 1024}
    assert smoke.disk is not None
    assert (smoke.disk.size, smoke.disk.name, smoke.lifecycle) == (512, "", "errand")
    assert smoke.networks[1].default == ("addressable",)
    assert found.variables[0].update_mode == "no-overwrite"


def test_requests_override_groups() -> None:
    found = load(GOOD.replace("{serial: false}", "{canaries: 0}"), overrides={"canaries": "3", "max_in_flight": "50%"})
    assert [(one.update.canaries, one.update.max_in_flight) for one in found.instance_groups] == [(3, "50%")] * 2
    error = fault(GOOD, overrides={"canaries": "many"})
    assert "at request canaries" in error.description


def test_deprecated_properties_stand_in_for_missing_job_properties() -> None:
    text = GOOD.replace("    properties: {password: ((pw))}\n", "  properties: {a: {x: 2}}\n").replace(
        "jobs: []", "jobs: [{name: t, release: tools}]"
    )
    web, smoke = load(text + "properties: {a: {x: 1, y: 1}}\n").instance_groups
    assert web.jobs[0].properties == {"a": {"x": 2, "y": 1}}
    assert smoke.jobs[0].properties == {"a": {"x": 1, "y": 1}}
    assert load(GOOD.replace("    properties: {password: ((pw))}\n", "")).instance_groups[0].jobs[0].properties is None


def test_features() -> None:
    found = load(GOOD + "features: {use_link_dns_names: true, converge_variables: true, use_tmpfs_config: true}\n")
    assert found.features["use_short_dns_addresses"] is True
    assert found.variables[0].update_mode == "converge"
    env = found.instance_groups[1].env["bosh"]
    assert env == {"password": "x", "job_dir": {"tmpfs": True}, "agent": {"settings": {"tmpfs": True}}}


def test_named_disks() -> None:
    text = GOOD.replace("persistent_disk_type: fast", "persistent_disks: [{name: data, type: fast}]")
    web = load(text).instance_groups[0]
    assert web.disk is None
    assert [(one.name, one.size) for one in web.named_disks] == [("data", 2048)]


def test_aliases_and_merge_keys() -> None:
    text = GOOD.replace("update: {serial: false}", "update: &u {serial: false}").replace(
        "  env: {", "  update: {<<: *u, canaries: 5}\n  env: {"
    )
    web, smoke = load(text).instance_groups
    assert (smoke.update.serial, smoke.update.canaries) == (False, 5)
    assert web.update.canaries == 1


def test_names_must_stand_in_dns() -> None:
    assert fault(GOOD.replace("name: smoke", "name: smoke_")).code == 420001
    assert "Begin and end the name" in fault(GOOD.replace("name: shop", "name: -shop")).description
    assert fault(GOOD.replace("name: smoke", "name: WEB")).code == 190006


def test_static_addresses_outside_the_groups_azs() -> None:
    cloud = load_cloud_config(
        [
            (
                "cloud",
                """
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
vm_extensions: [{name: lb}]
disk_types: [{name: fast, disk_size: 1}]
networks:
- name: default
  subnets:
  - {range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1], static: [10.0.0.10 - 10.0.0.29]}
  - {range: 10.2.0.0/24, gateway: 10.2.0.1, azs: [z2], static: [10.2.0.10 - 10.2.0.29]}
compilation: {workers: 1, network: default, az: z1, vm_type: small}
""",
            )
        ]
    )
    text = GOOD[: GOOD.index("- name: smoke")].replace("azs: [z1, z2]", "azs: [z1]").replace("10.0.0.10,", "10.2.0.10,")
    with pytest.raises(BadRequest) as caught:
        load_deployment(text, cloud)
    assert caught.value.code == 150007
    assert "manifest:29" in caught.value.description
    assert "in z2; the group in z1" in caught.value.description


def test_values_that_are_known_early_are_filled_in() -> None:
    text = GOOD.replace("instances: 2", "instances: ((size.web))").replace("vm_type: small", "vm_type: sm((end))")
    assert early_variables(text) == {"size", "end"}
    found = load(text, values={"size": {"web": 2}, "end": "all"})
    assert (found.instance_groups[0].instances, found.instance_groups[0].vm_type) == (2, "small")
    assert found.instance_groups[0].jobs[0].properties == {"password": "((pw))"}
    assert fault(text, values={"end": "all"}).code == 540001


def test_missing_sections_are_told_together() -> None:
    error = fault("name: x\n")
    for word in ("3 errors", "'releases'", "'stemcells'", "'update'"):
        assert word in error.message
    assert fault("- x\n").code == 440001
    assert fault("").code == 440001


def test_the_document_is_named() -> None:
    assert "shop.yml:18" in fault(GOOD.replace("instances: 2", "instances: two"), name="shop.yml").description
