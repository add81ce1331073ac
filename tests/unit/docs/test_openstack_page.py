"""docs/reference/openstack.md leaves no property out and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from cpi.openstack import config, properties

TOP = Path(__file__).resolve().parents[3]
PAGE = (TOP / "docs/reference/openstack.md").read_text()


def test_each_proof_is_a_test():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = [
        *(TOP / "tests/clouds/openstack").glob("test_*.py"),
        *(TOP / "tests/unit/cpi").glob("test_openstack*.py"),
    ]
    there = {name for source in sources for name in re.findall(r"^def (test_\w+)", source.read_text(), re.M)}
    assert named and named <= there, named - there


def test_each_property_has_its_line():
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    known = (
        *config.ACCOUNT, *config.BEHAVIOUR, *config.BESIDE, *config.CONNECTION, *properties.VM, *properties.NETWORK,
        *properties.ABOUT_STEMCELL, *properties.IMAGE_PROPERTIES,
    )  # fmt: skip
    assert [name for name in known if not re.search(rf"`[^`]*\b{name}\b[^`]*`", rows)] == []
    for line in rows.splitlines():
        assert re.search(r"real|stand-in|refused|Here|---", line), line
