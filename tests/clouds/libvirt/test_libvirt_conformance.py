"""Machines of the libvirt CPI under the conformance kit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

TREE = Path(__file__).resolve().parents[3]
NOT_DECLARED = {"network.create"}
"""The CPI makes no networks."""


def test_the_libvirt_cpi_passes_with_machines(world, blank, tmp_path):
    config, report = tmp_path / "check.yml", tmp_path / "check.json"
    properties = {key: value for key, value in world.context.items() if key not in ("director_uuid", "request_id")}
    document = {
        "properties": {**properties, "name_prefix": f"{world.name}k"},
        "stemcell": {"image": str(blank)},
        "vm": {"cloud_properties": {"memory": 64}},
        "disk": {"cloud_properties": {"format": "raw"}},
        "networks": {
            "default": {"type": "manual", "addresses": "10.77.0.100-10.77.0.250", "netmask": "255.255.255.0",
                        "gateway": "10.77.0.1"}
        },
        "limits": {"at_once": 8},
        "timeouts": {"default": 120},
        "impossible": {
            "vm": {"cloud_properties": {"memory": 64, "cpus": 4096}},
            "disk": {"cloud_properties": {"format": "raw"}, "size": 1 << 44},
        },
        "probes": {name: f"tests.clouds.libvirt.machine_probes:{name}" for name in ("inventory", "settings", "write", "read", "vanish")},
    }  # fmt: skip
    config.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "cpi.conformance", "libvirt", "--config", str(config), "--json", str(report)]
    done = subprocess.run(
        world.lab.command(command), cwd=TREE, capture_output=True, text=True, timeout=600, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    print(f"{told['passed']} passed, skipped: {[case['id'] for case in told['cases'] if case['outcome'] == 'skipped']}")
    assert {case["id"] for case in told["cases"] if case["outcome"] == "skipped"} <= NOT_DECLARED
    assert told["passed"] >= 80
