"""``.cfignore``: the syntax of gitignore."""

from __future__ import annotations

import pytest
from paas.client.ignore import Ignore


@pytest.mark.parametrize(
    ("pattern", "ignored", "kept"),
    [
        ("*.log", ["a.log", "x/y/a.log"], ["a.logs", "log"]),
        ("/a.txt", ["a.txt"], ["x/a.txt"]),
        ("x/a.txt", ["x/a.txt"], ["y/x/a.txt"]),
        ("cache/", ["cache/", "x/cache/"], ["cache", "x/cache"]),
        ("**/tmp", ["tmp", "x/tmp", "x/y/tmp"], ["tmpx"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("a/**", ["a/x", "a/x/y"], ["a", "b/a/x"]),
        ("file?.[ch]", ["file1.c", "x/filez.h"], ["file.c", "file1.o", "file12.c"]),
        ("[!a].txt", ["b.txt"], ["a.txt"]),
        ("*.txt\n!keep.txt", ["a.txt"], ["keep.txt", "x/keep.txt"]),
        ("# not\n\n\\#yes", ["#yes"], ["# not"]),
        ("\\!word", ["!word"], ["word"]),
        ("a.b", ["a.b"], ["axb"]),
        ("[a", ["[a"], ["a"]),
    ],
)
def test_patterns(pattern: str, ignored: list[str], kept: list[str]) -> None:
    rules = Ignore(pattern)
    for path in ignored:
        assert rules(path.rstrip("/"), path.endswith("/")), path
    for path in kept:
        assert not rules(path.rstrip("/"), path.endswith("/")), path


def test_what_nobody_wants_pushed() -> None:
    rules = Ignore("")
    assert rules(".git", True) and rules("x/.git", True)
    assert rules(".cfignore", False) and rules("manifest.yml", False)
    assert not rules("x/manifest.yml", False)
    assert not rules(".gitkeep", False)
