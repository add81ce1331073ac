"""Which of the machine's package settings a bare machine gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import bare


def test_local_indexes_and_links_are_bound_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index" / "simple"
    links = tmp_path / "links"
    for folder in (index, links):
        folder.mkdir(parents=True)
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nextra-index-url = file://{index} file:///nowhere/simple\nfind-links = {links}\n")
    monkeypatch.setattr(bare, "PIP_FILES", [str(settings)])
    for name in ("PIP_FIND_LINKS", "PIP_CERT", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    assert bare.pip_paths() == [index.parent, links]


def test_the_environment_is_clean_but_for_package_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "2")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = bare.environment()
    assert found["PIP_RETRIES"] == "2"
    assert found["https_proxy"] == "http://127.0.0.1:1"
    assert "PYTHONPATH" not in found
