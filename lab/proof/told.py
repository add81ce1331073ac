"""Commands that a text tells people to type: those that the demo prints, and those of the pages."""

from __future__ import annotations

import re
from pathlib import Path


def to_try(output: str) -> list[str]:
    """The lines of the demo's `try` paragraph."""
    found = re.search(r"^ {2}try +(.*?)\n\n", output, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in found.group(1).splitlines()] if found else []


def in_page(page: Path) -> list[list[str]]:
    """The indented blocks of a Markdown page, as lists of lines without the indentation and without remarks (# ...)."""
    blocks: list[list[str]] = [[]]
    for line in page.read_text().splitlines():
        if line.startswith("    "):
            blocks[-1].append(re.sub(r"\s+# .*", "", line[4:]).rstrip())
        elif line.strip() and blocks[-1]:
            blocks.append([])
    return [[line for line in block if line] for block in blocks if any(block)]
