"""The deployment that loopback tests use: release `shop` with a job, an errand and a package; its configs and manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.loopback.archives import OPERATING_SYSTEM, STEMCELL, Job, Package, build_release

PACKAGING = """set -e
mkdir -p "${BOSH_INSTALL_TARGET}/bin"
cp greet "${BOSH_INSTALL_TARGET}/bin/greet"
chmod +x "${BOSH_INSTALL_TARGET}/bin/greet"
"""
NEEDS_BASE = """set -e
mkdir -p "${BOSH_INSTALL_TARGET}"
echo "built" > "${BOSH_INSTALL_TARGET}/built"
"""
WEB_YML = """greeting: <%= p('greeting') %>
address: <%= spec.address || spec.ip %>
index: <%= spec.index %>
deployment: <%= spec.deployment %>
backends: <%= link('backend').instances.map { |i| i.address }.sort.join(',') %>
"""
PRE_START = """#!/bin/bash
echo "pre-start <%= name %>/<%= index %>"
<% unless p('gate').empty? -%>
while [ ! -e "<%= p('gate') %>-<%= spec.index %>" ]; do sleep 0.05; done
<% end -%>
"""
SMOKE = """#!/bin/bash
echo "smoke says <%= p('word') %>"
exit <%= p('exit_code') %>
"""

PACKAGES = [
    Package("base", NEEDS_BASE),
    Package("greet", PACKAGING, {"greet": "#!/bin/sh\necho hello\n"}, ("base",)),
]
JOBS = [
    Job(
        "web",
        {"config/web.yml": WEB_YML, "bin/pre-start": PRE_START},
        ("greet",),
        spec={
            "properties": {
                "greeting": {"default": "hello", "description": "what it says"},
                "gate": {
                    "default": "",
                    "description": "file with the index behind it that pre-start waits for; none: it does not",
                },
            },
            "provides": [{"name": "backend", "type": "web", "properties": ["greeting"]}],
            "consumes": [{"name": "backend", "type": "web"}],
        },
    ),
    Job("smoke", {"bin/run": SMOKE}, spec={"properties": {"word": {"default": "fine"}, "exit_code": {"default": 0}}}),
]


def build_shop(path: Path, version: str = "1.0") -> Path:
    return build_release(path, "shop", version, JOBS, PACKAGES)


def cloud_config() -> dict[str, Any]:
    """One AZ and a network inside 127.0.0.0/8: every address of it is this machine."""
    subnet = {
        "range": "127.77.0.0/24",
        "gateway": "127.77.0.1",
        "dns": ["127.0.0.1"],
        "azs": ["z1"],
        "static": ["127.77.0.200-127.77.0.220"],
    }
    return {
        "azs": [{"name": "z1"}],
        "vm_types": [{"name": "small", "cloud_properties": {"cpus": 1}}],
        "disk_types": [{"name": "small", "disk_size": 64}, {"name": "large", "disk_size": 128}],
        "networks": [{"name": "a", "type": "manual", "subnets": [subnet]}],
        "compilation": {"workers": 1, "az": "z1", "vm_type": "small", "network": "a", "reuse_compilation_vms": True},
    }


def manifest(
    name: str = "shop", instances: int = 2, greeting: str = "hello", gate: Path | None = None, **group: Any
) -> dict[str, Any]:
    """Group `front` with `web`, errand group `checks` with `smoke`; ``gate``: where instance 1 waits in its pre-start until there is a file
    with ``-1`` behind that name; ``group`` adds keys to `front`."""
    properties = {"greeting": greeting, "gate": str(gate or "")}
    common = {"azs": ["z1"], "vm_type": "small", "stemcell": "default", "networks": [{"name": "a"}]}
    front = {
        "name": "front",
        "instances": instances,
        "jobs": [{"name": "web", "release": "shop", "properties": properties}],
    }
    checks = {"name": "checks", "instances": 1, "lifecycle": "errand", "jobs": [{"name": "smoke", "release": "shop"}]}
    return {
        "name": name,
        "releases": [{"name": "shop", "version": "latest"}],
        "stemcells": [{"alias": "default", "os": OPERATING_SYSTEM, "version": "latest"}],
        "update": {
            "canaries": 1,
            "max_in_flight": 2,
            "canary_watch_time": "100-20000",
            "update_watch_time": "100-20000",
        },
        "instance_groups": [{**front, **common, **group}, {**checks, **common}],
    }


__all__ = ["STEMCELL", "build_shop", "cloud_config", "manifest"]
