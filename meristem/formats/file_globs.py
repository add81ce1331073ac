"""Globs of package specs: `*`, `?`, `[..]`, `{a,b}` inside a path part, `**` over directories; dot files match."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path


def tree(root: Path) -> list[str]:
    """All files and symlinks below `root` as sorted relative paths; directories behind symlinks are not entered."""
    found: list[str] = []
    for directory, subdirectories, files in os.walk(root):
        here = Path(directory)
        links = [name for name in subdirectories if (here / name).is_symlink()]
        subdirectories[:] = [name for name in subdirectories if name not in links]
        found += [(here / name).relative_to(root).as_posix() for name in (*files, *links)]
    return sorted(found)


def matching(pattern: str, names: list[str]) -> list[str]:
    """The names a glob matches."""
    expression = _compiled(pattern.removeprefix("./"))
    return [name for name in names if expression.fullmatch(name)]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_translate(pattern), re.DOTALL)


def _translate(pattern: str) -> str:
    out = ""
    index = 0
    depth = 0
    while index < len(pattern):
        char = pattern[index]
        if pattern.startswith("**/", index):
            out += "(?:.*/)?"
            index += 3
            continue
        if pattern.startswith("**", index):
            out += ".*"
            index += 2
            continue
        closing = pattern.find("]", index + 2) if char == "[" else -1
        if closing > 0:
            body = pattern[index + 1 : closing].replace("\\", "\\\\")
            out += f"[{'^' + body[1:] if body[0] in '!^' else body}]"
            index = closing + 1
            continue
        if char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            out += ")"
            index += 1
            continue
        pieces = {"*": "[^/]*", "?": "[^/]", "{": "(?:", ",": "|" if depth else ","}
        out += pieces.get(char, re.escape(char))
        index += 1
    return out + ")" * depth
