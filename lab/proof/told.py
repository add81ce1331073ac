"""Commands that a text tells people to type: those that the demo prints, and those of the pages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path


def to_try(output: str) -> list[str]:
    """The lines of the demo's `try` paragraph."""
    found = re.search(r"^ {2}try +(.*?)\n\n", output, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in found.group(1).splitlines()] if found else []


def in_page(page: Path) -> list[str]:
    """The lines of a Markdown page's indented blocks, each block without its indentation and its empty lines."""
    blocks: list[list[str]] = [[]]
    for line in page.read_text().splitlines():
        if line.startswith("    "):
            blocks[-1].append(line)
        elif line.strip() and blocks[-1]:
            blocks.append([])
    return [line for block in blocks for line in textwrap.dedent("\n".join(block)).splitlines()]
