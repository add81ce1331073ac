"""The how-to on writing a service: its code is the code that the tests run."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs/how-to"
MOST = 150


def test_the_page_has_the_code_word_for_word() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "write-a-service.md").read_text(), re.S | re.M)
    code = (DOCS / "nats_service/__main__.py").read_text()
    assert re.sub(r"\n+", "\n", "\n".join(blocks)) == re.sub(r"\n+", "\n", code)


def test_it_is_short() -> None:
    lines = [line for line in (DOCS / "nats_service/__main__.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= MOST
    assert f"{len(lines)} lines" in (DOCS / "write-a-service.md").read_text().replace("\n", " ")
