"""Recipes and the machine's apt sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemcells import sources, tree
from stemcells.recipe import RecipeError, load

DEB822 = """\
# the archive
Types: deb
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://other.example/tools
Suites: nodistro
Components: main

Types: deb-src
URIs: http://archive.example/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://archive.example/debian
Suites: bookworm-security
Components: main
"""
LINES = """\
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://archive.example/debian bookworm-security main contrib
deb http://archive.example/debian trixie main
# deb http://archive.example/debian bookworm main
deb-src http://archive.example/debian bookworm main
"""


def test_only_sources_of_the_suite_are_taken(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "old.sources.disabled").write_text(DEB822)
    (tmp_path / "sources.list").write_text(LINES)
    found = sources.of_suite("bookworm", tmp_path)
    assert found.count("archive.example") == 2
    assert "bookworm-updates" in found
    assert "bookworm-security main contrib" in found
    assert not any(word in found for word in ("nodistro", "trixie", "deb-src", "Enabled"))


def test_a_machine_without_sources_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no enabled source of Debian bookworm"):
        sources.of_suite("bookworm", tmp_path)


def test_the_recipe_of_this_tree_loads() -> None:
    recipe = load("debian-12")
    assert recipe.customize.is_file()
    assert {"systemd", "openssh-server", "monit", "python3"} <= set(recipe.packages)
    assert set(recipe.chosen(["build-tools"])) - set(recipe.chosen([])) == set(recipe.extras["build-tools"])


def test_what_is_unknown_is_named_with_what_is_known() -> None:
    with pytest.raises(RecipeError, match="no recipe 'beos'; known are debian-12"):
        load("beos")
    with pytest.raises(RecipeError, match="no extra 'games'; known are build-tools"):
        load("debian-12").chosen(["games"])


def test_a_tree_depends_on_its_packages_only() -> None:
    recipe = load("debian-12")
    assert tree.digest(recipe, ["a"]) == tree.digest(recipe, ["a"])
    assert tree.digest(recipe, ["a"]) != tree.digest(recipe, ["a", "b"])
