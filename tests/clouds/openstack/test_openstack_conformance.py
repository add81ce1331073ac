"""The conformance kit against the OpenStack CPI and the real services: one test per case."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

pytest_plugins = ["cpi.conformance.plugin"]
PROBES = "tests.clouds.openstack.openstack_probes"


def kit_configuration(tenant, huge: str) -> dict[str, object]:
    """As an operator writes it for a cloud of this kind; JSON is YAML."""
    return {
        "properties": {**tenant.properties, "config_drive": "cdrom"},
        "stemcell": {"cloud_properties": {"name": "kit", "version": "1", "disk_format": "raw"}},
        "vm": {"cloud_properties": {"instance_type": tenant.small}},
        "disk": {"size": 1024, "grow_to": 2048},
        "networks": {
            "default": {
                "type": "manual", "addresses": "10.11.0.170-10.11.0.240", "netmask": "255.255.255.0",
                "gateway": "10.11.0.1", "dns": ["10.11.0.2"], "cloud_properties": {"net_id": tenant.net.id},
            }
        },
        "managed_network": {"type": "manual", "range": "10.77.0.0/24", "gateway": "10.77.0.1", "cloud_properties": {}},
        "impossible": {
            "vm": {"cloud_properties": {"instance_type": huge}, "ok_to_retry": True},
            "disk": {"size": 9_000_000},
        },
        "timeouts": {"default": 180},
        "probes": {name: f"{PROBES}:{name}" for name in ("inventory", "settings", "write", "read", "vanish")},
        "secrets": [tenant.password],
    }  # fmt: skip


@pytest.fixture(scope="session")
def cpi_check(tenant, tmp_path_factory) -> Generator[tuple[str, Path]]:
    """More disk than a hypervisor of the lab has, for what cannot be."""
    huge = tenant.flavor("huge", vcpus=64, ram=512, disk=700_000, ephemeral=0)
    file = tmp_path_factory.mktemp("conformance") / "check.yml"
    file.write_text(json.dumps(kit_configuration(tenant, huge.name)))
    yield "openstack", file
    tenant.admin.compute.delete_flavor(huge.id)


def test_contract(cpi_case: Callable[[], None]) -> None:
    try:
        cpi_case()
    except pytest.skip.Exception as skipped:
        pytest.fail(f"this CPI declares all that there is, and nothing is to be skipped: {skipped}")
