"""The how-to on writing a buildpack: its scripts are those that the tests stage by (tests/paas/stager/test_stager_page.py)."""

from __future__ import annotations

import os
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs/how-to"
SCRIPTS = ("detect", "supply", "finalize", "release")


def test_the_page_has_the_scripts_word_for_word() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", (DOCS / "write-a-buildpack.md").read_text(), re.S | re.M)
    assert blocks == [(DOCS / "perl_buildpack/bin" / name).read_text() for name in SCRIPTS]
    assert sorted(path.name for path in (DOCS / "perl_buildpack/bin").iterdir()) == sorted(SCRIPTS)
    assert all(os.access(DOCS / "perl_buildpack/bin" / name, os.X_OK) for name in SCRIPTS)


def test_it_names_the_errors_and_variables_that_there_are() -> None:
    page = (DOCS / "write-a-buildpack.md").read_text()
    sources = DOCS.parents[1] / "releases/paas/src/paas/stager"
    code = "".join(path.read_text() for path in sources.rglob("*.py"))
    named = set(re.findall(r"`([A-Za-z]+(?:Error|Failed|Expired))`", page)) | set(
        re.findall(r"`([a-zA-Z]+_[a-zA-Z_]+)`", page)
    )
    assert {
        "NoAppDetectedError",
        "PACKAGE_CACHE_URL",
        "PIP_INDEX_URL",
        "npm_config_registry",
        "default_process_types",
    } <= named
    for name in named - {"perl_buildpack"}:
        assert name in code, name
