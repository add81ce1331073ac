"""The vSphere CPI under the conformance kit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lab.vsphere import server

pytestmark = pytest.mark.clouds
TREE = Path(__file__).resolve().parents[3]
NOT_DECLARED = {"network.create", "disk.update"}


def test_the_vsphere_cpi_passes(tmp_path, image):
    vcenter = server.up(tmp_path / "lab")  # one of its own: the kit counts all that is in it
    try:
        config, report = tmp_path / "check.yml", tmp_path / "check.json"
        datacenter = {
            "name": vcenter.datacenter,
            "datastore_pattern": "LocalDS_[01]",
            "clusters": list(vcenter.clusters),
        }
        document = {
            "properties": {
                "host": vcenter.address, "user": vcenter.user, "password": vcenter.password,
                "datacenters": [datacenter],
            },
            "stemcell": {"image": str(image)},
            "vm": {"cloud_properties": {"cpu": 1, "ram": 512, "disk": 1024}},
            "networks": {
                "default": {
                    "type": "manual", "addresses": "10.9.0.10-10.9.0.250", "netmask": "255.255.255.0",
                    "gateway": "10.9.0.1", "cloud_properties": {"name": "DC0_DVPG0"},
                }
            },
            "impossible": {
                "vm": {"cloud_properties": {"datastores": [vcenter.full]}},
                "disk": {"cloud_properties": {"datastores": [vcenter.full]}},
            },
            "probes": {
                name: f"tests.clouds.vsphere.vsphere_probes:{name}"
                for name in ("inventory", "settings", "write", "read", "vanish")
            },
        }  # fmt: skip
        config.write_text(yaml.safe_dump(document))
        done = subprocess.run(
            [sys.executable, "-m", "cpi.conformance", "vsphere", "--config", str(config), "--json", str(report)],
            cwd=TREE, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(report.read_text())
        assert {case["id"] for case in told["cases"] if case["outcome"] == "skipped"} <= NOT_DECLARED
        assert told["passed"] >= 80
    finally:
        server.down(tmp_path / "lab")
