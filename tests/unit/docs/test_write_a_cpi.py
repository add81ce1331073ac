"""The how-to on writing a CPI: its code is the code that the tests run."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs/how-to"
MOST = 150


def test_the_page_has_the_code_word_for_word() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "write-a-cpi.md").read_text(), re.S | re.M)
    assert "\n".join(blocks) == (DOCS / "qemu_cpi/plugin.py").read_text()


def test_it_is_short() -> None:
    lines = [line for line in (DOCS / "qemu_cpi/plugin.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= MOST
    assert f"{len(lines)} lines" in (DOCS / "write-a-cpi.md").read_text().replace("\n", " ")
