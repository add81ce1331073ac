"""The conformance kit against the OpenStack CPI and the real services."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROBES = "tests.clouds.openstack.openstack_probes"
TOP = Path(__file__).resolve().parents[3]


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


@pytest.mark.timeout(900)
def test_the_openstack_cpi_passes_the_kit(tenant, tmp_path):
    huge = tenant.flavor("huge", vcpus=64, ram=512, disk=700_000, ephemeral=0)  # more than a hypervisor of the lab has
    try:
        file, report = tmp_path / "check.yml", tmp_path / "check.json"
        file.write_text(json.dumps(kit_configuration(tenant, huge.name)))
        command = [sys.executable, "-m", "cpi.conformance", "openstack", "--config", str(file), "--json", str(report)]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=870)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        told = json.loads(report.read_text())
        assert [
            case for case in told["cases"] if case["outcome"] != "passed"
        ] == []  # all is declared: nothing is skipped
        assert told["passed"] >= 88
    finally:
        tenant.admin.compute.delete_flavor(huge.id)
