"""docs/reference/openstack.md names every property with what it comes to, and only tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cpi.openstack import config, properties

TOP = Path(__file__).resolve().parents[3]
PAGE = (TOP / "docs/reference/openstack.md").read_text()
TESTS = TOP / "tests/clouds/openstack"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## When the cloud is in trouble")[0].splitlines()
    if line.startswith("|") and not line.startswith("| ---")
]
HEADS = ("Property", "Where", "Call")
KINDS = ("real", "stand-in", "refused")


def test_every_proof_is_a_test():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    there = set(re.findall(r"^def (test_\w+)", "".join(path.read_text() for path in TESTS.rglob("test_*.py")), re.M))
    assert len(named) > 40
    assert named <= there


@pytest.mark.parametrize(
    "shape",
    [
        config.ACCOUNT, config.BEHAVIOUR, config.BESIDE, config.CONNECTION, config.PROXIES, properties.VM, properties.NETWORK,
        properties.ABOUT_STEMCELL, properties.IMAGE_PROPERTIES, properties.MANAGED_NETWORK,
    ],
)  # fmt: skip
def test_every_property_has_its_line(shape):
    listed = set(re.findall(r"\w+", " ".join(cell for row in ROWS for cell in row)))
    assert sorted(set(shape) - listed) == []


def test_every_line_says_what_it_comes_to_and_by_which_test():
    lines = [row for row in ROWS if row[0] not in HEADS]
    assert len(lines) > 50
    for row in lines:
        assert row[-2].startswith(KINDS), row
        assert "`test_" in row[-1], row
