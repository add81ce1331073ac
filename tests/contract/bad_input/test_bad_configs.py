"""Cloud, runtime and other configs that cannot be used: named by line or key, with a remedy, nothing changed."""

from __future__ import annotations

import json

import pytest

from tests.contract.bad_input.desk import CLOUD_CONFIG, BadInput, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOUD = {
    "not yaml": ("azs:", "azs: {", ["cloud config 'default'"]),
    "az twice": ("- name: z1\nvm", "- name: z1\n- name: z1\nvm", ["z1", "azs"]),
    "type without name": ("- name: small\n  cloud", "- cloud", ["vm_types", "name"]),
    "range": ("10.0.0.0/24", "10.0.0.0/99", ["range", "10.0.0.0/99"]),
    "gateway outside": ("gateway: 10.0.0.1", "gateway: 10.9.0.1", ["gateway", "10.9.0.1"]),
    "no gateway": ("    gateway: 10.0.0.1\n", "", ["gateway"]),
    "static outside": ("10.0.0.10 - 10.0.0.20", "10.9.0.10 - 10.9.0.20", ["static", "10.9.0.10"]),
    "static over gateway": ("10.0.0.10 - 10.0.0.20", "10.0.0.1 - 10.0.0.20", ["static", "10.0.0.1"]),
    "reserved outside": ("10.0.0.2 - 10.0.0.5", "10.9.0.2", ["reserved", "10.9.0.2"]),
    "unknown az in subnet": ("    azs: [z1]", "    azs: [z2]", ["z2"]),
    "network type": ("type: manual", "type: magic", ["magic"]),
    "disk size": ("disk_size: 100", "disk_size: big", ["disk_size"]),
    "workers": ("workers: 1", "workers: 0", ["workers"]),
    "compilation network": ("  network: default", "  network: other", ["other", "compilation"]),
    "compilation az": ("  az: z1\n  vm", "  az: z7\n  vm", ["z7", "compilation"]),
}


def config(type: str, content: str, name: str = "default") -> str:
    return json.dumps({"type": type, "name": name, "content": content})


@pytest.mark.parametrize("name", CLOUD)
async def test_a_cloud_config_is_refused_and_the_old_one_stays(desk: BadInput, name: str) -> None:
    old, new, named = CLOUD[name]
    assert old in CLOUD_CONFIG
    before = await desk.picture()
    text = CLOUD_CONFIG.replace(old, new, 1)
    error = error_of(await desk.send("POST", "/configs", config("cloud", text), "application/json"))
    for word in named:
        assert word in error, error
    assert "cloud config 'default'" in error
    diff = error_of(await desk.send("POST", "/configs/diff", config("cloud", text), "application/json"))
    assert named[-1] in diff
    assert await desk.picture() == before


OTHERS = {
    "runtime release latest": ("runtime", "releases: [{name: x, version: latest}]", ["releases", "latest"]),
    "runtime addon release": ("runtime", "releases: []\naddons: [{name: a, jobs: [{name: j, release: r}]}]", ["'r'"]),
    "cpi name twice": ("cpi", "cpis: [{name: a, type: x}, {name: a, type: y}]", ["'a'"]),
    "cpi without type": ("cpi", "cpis: [{name: a}]", ["type"]),
    "any: a list": ("notes", "[1, 2]", ["hash"]),
    "any: text": ("notes", "hello", ["hash"]),
    "second compilation": (
        "cloud",
        "compilation: {workers: 1, network: default, az: z1, vm_type: small}",
        ["compilation"],
    ),
}


@pytest.mark.parametrize("name", OTHERS)
async def test_other_configs_are_refused(desk: BadInput, name: str) -> None:
    type, content, named = OTHERS[name]
    before = await desk.picture()
    error = error_of(await desk.send("POST", "/configs", config(type, content, "second"), "application/json"))
    for word in named:
        assert word in error, error
    assert await desk.picture() == before
