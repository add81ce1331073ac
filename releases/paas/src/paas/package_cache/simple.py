"""pip's index: a page for each project with its files and their digests. Source: PEP 503, PEP 658 is not offered."""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path

SUFFIXES = (".whl", ".tar.gz", ".zip")


def normalised(project: str) -> str:
    """A project's name as it stands in addresses."""
    return re.sub(r"[-_.]+", "-", project).lower()


def project_of(filename: str) -> str:
    """The normalised project that a wheel or source archive belongs to; ValueError for any other file."""
    if filename.endswith(".whl") and filename.count("-") >= 4:
        return normalised(filename.split("-")[0])
    for suffix in SUFFIXES[1:]:
        stem = filename.removesuffix(suffix)
        if stem != filename and (match := re.fullmatch(r"(.+?)-(\d[^-]*)", stem)):
            return normalised(match[1])
    raise ValueError(f"{filename}: neither a wheel nor a source archive NAME-VERSION.tar.gz")


def index(root: Path) -> int:
    """Write ``simple/index.html`` and a page for each project below `root`; the number of files."""
    simple = root / "simple"
    simple.mkdir(parents=True, exist_ok=True)
    projects = sorted(path for path in simple.iterdir() if path.is_dir())
    count = 0
    for project in projects:
        files = sorted(path for path in project.iterdir() if path.name.endswith(SUFFIXES))
        links = [(path.name, f"{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}") for path in files]
        replace(project / "index.html", _page(links))
        count += len(files)
    replace(simple / "index.html", _page([(project.name, f"{project.name}/") for project in projects]))
    return count


def replace(path: Path, text: str) -> None:
    """The file at once; one that has this text already stays."""
    if path.is_file() and path.read_text() == text:
        return
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.rename(path)


def _page(links: list[tuple[str, str]]) -> str:
    rows = "".join(f'<a href="{html.escape(target)}">{html.escape(text)}</a><br>\n' for text, target in links)
    return f"<!DOCTYPE html>\n<html><body>\n{rows}</body></html>\n"
