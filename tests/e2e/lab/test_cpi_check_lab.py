"""The libvirt CPI under the conformance kit: containers on a real libvirtd, disks on real loop devices."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.e2e.lab.site import MERISTEM, TREE, Site

NOT_DECLARED = {"network.create", "capacity.vm", "capacity.disk"}
"""The CPI makes no networks; a container has room wherever there is some."""


@pytest.fixture
def image(site: Site) -> Path:
    """The Debian stemcell's root tree."""
    out = site.directory / "image.tgz"
    with tarfile.open(site.build_stemcell("1.0")) as archive:
        stream = archive.extractfile("image")
        assert stream is not None
        out.write_bytes(stream.read())
    return out


def test_the_libvirt_cpi_passes(site: Site, image: Path) -> None:
    state = site.directory / "checked"
    site.lab.keep_disks(state)
    first = site.lab.address.rpartition(".")[0]
    config, report = site.directory / "check.yml", site.directory / "check.json"
    document = {
        "properties": {
            "uri": site.lab.libvirt_uri, "state_dir": str(state), "network": site.lab.record.network,
            "name_prefix": f"{site.lab.record.name}k",
        },
        "stemcell": {"image": str(image)},
        "networks": {
            "default": {"type": "manual", "addresses": f"{first}.200-{first}.240", "netmask": "255.255.255.0",
                        "gateway": site.lab.address}
        },
        "limits": {"at_once": 8},
        "timeouts": {"default": 120},
        "probes": {name: f"tests.e2e.lab.libvirt_probes:{name}" for name in ("inventory", "settings", "write", "read", "vanish")},
    }  # fmt: skip
    config.write_text(yaml.safe_dump(document))
    command = [MERISTEM, "cpi", "check", "libvirt", "--config", str(config), "--json", str(report)]
    done = subprocess.run(
        site.lab.command(command), cwd=TREE, capture_output=True, text=True, timeout=460, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert {case["id"] for case in told["cases"] if case["outcome"] == "skipped"} <= NOT_DECLARED
    assert told["passed"] >= 80
