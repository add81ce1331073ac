"""Commands are found in what the demo prints and in pages."""

from __future__ import annotations

from pathlib import Path

from lab.demo.record import default_directory
from lab.demo.tell import farewell
from lab.proof.told import in_page, to_try


def test_what_the_demo_tells_to_try_is_found() -> None:
    words = farewell("http://127.0.0.1:8080", default_directory(), Path("/tree"), "Running.")
    found = to_try(f"something before\n{words}\n")
    assert found[0] == f"source {default_directory()}/env"
    assert found[-1] == "/tree/bin/demo --inside meristem -d demo ssh web -c uptime"
    assert len(found) == 5
    assert to_try("nothing here") == []


def test_another_directory_is_part_of_the_commands() -> None:
    words = farewell("http://127.0.0.1:8080", Path("/elsewhere"), Path("/tree"), "Running.")
    assert "/tree/bin/demo --dir /elsewhere --down" in words


def test_blocks_of_a_page_lose_their_indentation(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n    one\n      two\n\n1. Item\n\n        three\n\n        four\n\nEnd\n")
    assert [line for line in in_page(page) if line] == ["one", "  two", "three", "four"]
