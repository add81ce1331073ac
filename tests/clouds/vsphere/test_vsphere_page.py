"""The reference page names every property, and only tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cpi.vsphere import config, vm_properties

pytestmark = pytest.mark.clouds
HERE = Path(__file__).resolve().parent
PAGE = (HERE.parents[2] / "docs/reference/vsphere.md").read_text()


def test_every_proof_is_a_test():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    there = set(re.findall(r"^def (test_\w+)", "".join(path.read_text() for path in HERE.rglob("test_*.py")), re.M))
    assert len(named) > 20
    assert named <= there


@pytest.mark.parametrize(
    "shape",
    [config.PROPERTIES, config.DATACENTER, config.CLUSTER, config.CONNECTION, vm_properties.VM, vm_properties.DISK],
)
def test_every_property_has_its_line(shape):
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    listed = set(re.findall(r"\w+", " ".join(line.split("|")[1] for line in lines)))
    assert sorted(set(shape) - listed - {"mbus", "blobstore"}) == []
