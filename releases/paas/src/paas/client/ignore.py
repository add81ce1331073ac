"""``.cfignore``: which files are not pushed. The syntax is that of gitignore."""

from __future__ import annotations

import re
from pathlib import Path

DEFAULT = (
    "/.cfignore",
    "/manifest.yml",
    "/manifest.yaml",
    ".git/",
    ".gitignore",
    ".hg/",
    ".svn/",
    "_darcs/",
    ".DS_Store",
)


class Ignore:
    """The last pattern that fits decides; ``!`` takes back."""

    def __init__(self, text: str) -> None:
        self._rules: list[tuple[bool, bool, re.Pattern[str]]] = []
        for line in [*DEFAULT, *text.splitlines()]:
            pattern = line.rstrip() if not line.endswith("\\ ") else line
            if not pattern or pattern.startswith("#"):
                continue
            ignored = not pattern.startswith("!")
            pattern = pattern.removeprefix("!").removeprefix("\\")
            folders_only = pattern.endswith("/")
            self._rules.append((ignored, folders_only, re.compile(_regex(pattern.rstrip("/")))))

    def __call__(self, path: str, is_folder: bool) -> bool:
        """Whether the path (with ``/``, relative to the app) itself is ignored; what is in an ignored folder is not looked at."""
        ignored = False
        for rule, folders_only, pattern in self._rules:
            if (is_folder or not folders_only) and pattern.fullmatch(path):
                ignored = rule
        return ignored


def ignore_of(folder: Path) -> Ignore:
    """By the app's own ``.cfignore``."""
    file = folder / ".cfignore"
    return Ignore(file.read_text(errors="replace") if file.is_file() else "")


def _regex(pattern: str) -> str:
    anchored = "/" in pattern
    rest = pattern.removeprefix("/")
    made = "" if anchored else "(?:.*/)?"
    at = 0
    while at < len(rest):
        if rest.startswith("**/", at) and (at == 0 or rest[at - 1] == "/"):
            made, at = made + "(?:.*/)?", at + 3
        elif rest.startswith("/**", at) and at + 3 == len(rest):
            made, at = made + "/.*", at + 3
        elif rest[at] == "*":
            made, at = made + "[^/]*", at + (2 if rest.startswith("**", at) else 1)
        elif rest[at] == "?":
            made, at = made + "[^/]", at + 1
        elif rest[at] == "[" and (end := rest.find("]", at + 2)) > 0:
            inner = rest[at + 1 : end].replace("\\", "\\\\")
            made, at = made + "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]", end + 1
        elif rest[at] == "\\" and at + 1 < len(rest):
            made, at = made + re.escape(rest[at + 1]), at + 2
        else:
            made, at = made + re.escape(rest[at]), at + 1
    return made
