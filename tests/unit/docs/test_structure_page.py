"""docs/explanation/structure.md names every room of the PaaS; docs/vocabulary.md is in order."""

from __future__ import annotations

import re
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
PAAS = TREE / "releases/paas/src/paas"


def test_each_room_of_the_paas_has_its_line() -> None:
    page = (TREE / "docs/explanation/structure.md").read_text()
    table = page.partition("The rooms of the PaaS")[2].partition("Reading path")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named == {path.parent.name for path in PAAS.glob("*/__init__.py")}


def test_files_of_the_reading_path_are_there() -> None:
    page = (TREE / "docs/explanation/structure.md").read_text()
    named = re.findall(r"`(paas/[\w/]+\.py)`", page)
    assert len(named) >= 5
    assert [name for name in named if not (PAAS.parent / name).is_file()] == []


def test_words_are_in_order() -> None:
    words = [word.lower() for word in re.findall(r"^\| \*\*(.*?)\*\*", (TREE / "docs/vocabulary.md").read_text(), re.M)]
    plain = [re.sub(r"\W+", " ", word) for word in words]
    assert plain == sorted(plain)
    assert len(set(plain)) == len(plain)
