"""Manifests that cannot be deployed: the line or key is named, so is what to do, and nothing has changed."""

from __future__ import annotations

import pytest

from tests.contract.bad_input.desk import MANIFEST, BadInput, job_archive, release

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUP = MANIFEST[MANIFEST.index("- name: web") :]

CASES = {
    "not yaml": (("name: shop", "name: [shop"), ["manifest:2"], "Correct the YAML"),
    "key twice": (("name: shop", "name: shop\nname: shop"), ["manifest:2", "name"], ""),
    "no name": (("name: shop\nreleases", "releases"), ["name"], "name: <deployment>"),
    "no update": (("update:\n  canaries: 1\n", "updates:\n  canaries: 1\n"), ["update"], ""),
    "cloud key": (("name: shop", "name: shop\nazs: []"), ["azs", "manifest:2"], "cloud config"),
    "old jobs": (("instance_groups:", "jobs: []\ninstance_groups:"), ["jobs"], "instance_groups"),
    "old networks": (("instance_groups:", "networks: []\ninstance_groups:"), ["networks"], "cloud config"),
    "unknown release": (
        ("    release: shop", "    release: shup"),
        ["/instance_groups/0/jobs/0/release", "shup"],
        "Did you mean 'shop'",
    ),
    "release not uploaded": (
        ("version: latest\nstemcells", "version: 99\nstemcells"),
        ["shop/99", "releases"],
        "Uploaded versions: 1",
    ),
    "stemcell not uploaded": (
        ("  version: latest\nupdate", "  version: 9.9\nupdate"),
        ["9.9"],
        "Uploaded versions: 1.0",
    ),
    "stemcell by name and os": (("  os: debian-12", "  os: debian-12\n  name: x"), ["stemcells"], ""),
    "unknown stemcell alias": (("  stemcell: default", "  stemcell: defalt"), ["defalt", "manifest:19"], "default"),
    "unknown vm type": (("  vm_type: small", "  vm_type: smal"), ["smal", "vm_type"], "small"),
    "no vm type": (("  vm_type: small\n", ""), ["web", "vm_type"], ""),
    "unknown network": (
        ("  - name: default\n    static", "  - name: defaul\n    static"),
        ["defaul", "networks"],
        "default",
    ),
    "unknown az": (("azs: [z1]", "azs: [z9]"), ["z9"], "z1"),
    "instances not a number": (("instances: 1", "instances: many"), ["/instance_groups/0/instances"], "whole number"),
    "negative instances": (("instances: 1", "instances: -1"), ["instances"], ""),
    "too few static ips": (("instances: 1", "instances: 2"), ["static_ips"], ""),
    "static ip outside": (("[10.0.0.10]", "[10.9.0.10]"), ["10.9.0.10"], ""),
    "static ip not listed": (("[10.0.0.10]", "[10.0.0.99]"), ["10.0.0.99"], "static"),
    "static ip malformed": (("[10.0.0.10]", "[10.0.0]"), ["10.0.0", "static_ips"], ""),
    "watch time": (("canary_watch_time: 0-100", "canary_watch_time: 100-0"), ["canary_watch_time"], ""),
    "canaries": (("canaries: 1", "canaries: some"), ["canaries"], ""),
    "max_in_flight": (("max_in_flight: 1", "max_in_flight: a few"), ["max_in_flight"], ""),
    "job twice": (("      port: 80\n", "      port: 80\n  - name: web\n    release: shop\n"), ["web"], ""),
    "group twice": ((GROUP, GROUP + GROUP), ["web"], ""),
    "unknown job": (("  - name: web\n    release", "  - name: wob\n    release"), ["wob", "shop/1"], "web"),
    "unknown disk type": (("  vm_type: small", "  vm_type: small\n  persistent_disk_type: big"), ["big"], "small"),
    "two disk forms": (
        ("  vm_type: small", "  vm_type: small\n  persistent_disk: 1\n  persistent_disk_type: small"),
        ["persistent_disk"],
        "",
    ),
    "negative disk": (("  vm_type: small", "  vm_type: small\n  persistent_disk: -1"), ["persistent_disk"], ""),
    "lifecycle": (("  vm_type: small", "  vm_type: small\n  lifecycle: forever"), ["lifecycle"], "errand"),
    "unset property": (("port: 80", "secret: ((gone))"), ["gone"], ""),
    "variable twice": (
        ("update:", "variables:\n- {name: a, type: password}\n- {name: a, type: password}\nupdate:"),
        ["variables", "'a'"],
        "",
    ),
    "variable type": (("update:", "variables:\n- {name: a, type: riddle}\nupdate:"), ["riddle"], ""),
    "unknown extension": (("  vm_type: small", "  vm_type: small\n  vm_extensions: [fast]"), ["fast"], ""),
    "tags not text": (("update:", "tags: [1]\nupdate:"), ["tags"], ""),
}


@pytest.mark.parametrize("name", CASES)
async def test_it_is_refused_by_name_and_changes_nothing(desk: BadInput, name: str) -> None:
    (old, new), named, remedy = CASES[name]
    assert old in MANIFEST
    before = await desk.picture()
    error = await desk.deploy(MANIFEST.replace(old, new, 1))
    for word in named:
        assert word in error, error
    assert remedy in error, error
    assert await desk.picture() == before


async def test_several_faults_are_told_at_once(desk: BadInput) -> None:
    before = await desk.picture()
    text = (
        MANIFEST.replace("vm_type: small", "vm_type: x")
        .replace("instances: 1", "instances: many")
        .replace("azs: [z1]", "azs: [z9]")
    )
    error = await desk.deploy(text)
    assert all(word in error for word in ("'x'", "instances", "z9", "errors:"))
    assert await desk.picture() == before


async def test_a_template_that_fails_names_template_line_and_property(desk: BadInput) -> None:
    reply = await desk.send(
        "POST", "/releases", release(job_archive("\n<%= p('secret') %>"), version="2"), "application/x-compressed"
    )
    assert (await desk.task(reply)).state == "done"
    before = await desk.picture()
    error = await desk.deploy(MANIFEST)
    for word in ("instance group 'web'", "job 'web'", "'ctl.erb' (line 2: Can't find property '[\"secret\"]')"):
        assert word in error
    assert await desk.picture() == before
