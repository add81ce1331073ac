"""docs/reference/libvirt.md leaves no property out and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from cpi.libvirt import config, properties

TOP = Path(__file__).resolve().parents[3]
PAGE = (TOP / "docs/reference/libvirt.md").read_text()


def test_each_proof_is_a_test():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = [
        *(TOP / "tests/clouds/libvirt").rglob("test_*.py"),
        *(TOP / "tests/lab/cpi").glob("test_libvirt*.py"),
        *(TOP / "tests/unit/cpi").glob("test_*libvirt*.py"),
        TOP / "tests/e2e/lab/test_cpi_check_lab.py",
    ]
    there = {name for source in sources for name in re.findall(r"^(?:async )?def (test_\w+)", source.read_text(), re.M)}
    assert named and named <= there, named - there


def test_each_property_has_its_line():
    rows = "\n".join(line for line in PAGE.partition("## Global")[2].splitlines() if line.startswith("|"))
    known = (
        *config.OF_ALL, *config.OF_MACHINES, *config.BESIDE, *properties.VM, *properties.VM_OF_MACHINES, *properties.NETWORK,
        *properties.NETWORK_OF_MACHINES, *properties.DISK_OF_MACHINES, *properties.STEMCELL_OF_MACHINES, *properties.ABOUT_STEMCELL,
    )  # fmt: skip
    assert [name for name in known if not re.search(rf"`[^`]*\b{name}\b[^`]*`", rows)] == []
    for line in rows.splitlines():
        assert re.search(r"real|stand-in|refused|Proof|---", line), line
