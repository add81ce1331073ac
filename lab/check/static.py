"""Static checks: each tool simply runs with the configuration in pyproject.toml."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

from lab.check.outcome import Outcome

LONGEST = 400
"""Lines that a Python file of ours may have; one that passes it wants to be two, by meaning."""

TOOLS: list[tuple[str, list[str]]] = [
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "."]),
    ("import-linter", ["lint-imports"]),
]
TYPES = ("basedpyright", ["nice", "basedpyright"])
"""Takes by far the longest, so it runs beside the tests and gives way to them."""

OPTIONAL = {
    "libvirt_lxc": (
        re.compile(r"^\s*(?:import libvirt|from lab import .*\bnetwork\b|from lab\.network import)", re.MULTILINE),
        "bin/setup --lab",
    ),
    "openstack": (re.compile(r"^\s*(?:import|from) (?:openstack|keystoneauth1)\b", re.MULTILINE), "bin/setup --clouds"),
    "pyVmomi": (re.compile(r"^\s*(?:import|from) (?:pyVmomi|pyVim)\b", re.MULTILINE), "bin/setup --clouds"),
}
"""Libraries of clouds that need not be installed: how a file imports one, and what installs it."""


def run_tool(name: str, command: list[str], top: Path) -> Outcome:
    """Run one tool of the virtual environment; its output is shown only when it fails."""
    begin = time.monotonic()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=top, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - begin
    if done.returncode == 0:
        return Outcome(name, 1, seconds=seconds)
    print(done.stdout + done.stderr, flush=True)
    return Outcome(name, 0, [f"{name}: ended with status {done.returncode}; its words are above"], seconds=seconds)


def run_types(top: Path) -> Outcome:
    """basedpyright over everything; where a cloud's library is not installed, files that import it are skipped."""
    name, command = TYPES
    missing = [library for library in OPTIONAL if importlib.util.find_spec(library) is None]
    if not missing:
        return run_tool(name, command, top)
    files = [file for file in _python_files(top) if file.partition("/")[0] in _typed_rooms(top)]
    skipped: set[str] = set()
    reasons: list[str] = []
    for library in missing:
        imports, remedy = OPTIONAL[library]
        mine = [file for file in files if imports.search((top / file).read_text())]
        if mine:
            skipped.update(mine)
            reasons.append(f"{name} of {', '.join(mine)}: {library} is not installed ({remedy})")
    outcome = run_tool(name, [*command, *sorted({*files} - skipped)], top)
    return replace(outcome, skips=reasons)


def _typed_rooms(top: Path) -> list[str]:
    return list(tomllib.loads((top / "pyproject.toml").read_text())["tool"]["basedpyright"]["include"])


def file_lengths(top: Path) -> Outcome:
    """Print the ten longest Python files that git knows or would add; fail when one passes LONGEST lines."""
    begin = time.monotonic()
    lengths = sorted(((_lines(top / name), name) for name in _python_files(top)), reverse=True)
    print("ten longest files:")
    for lines, name in lengths[:10]:
        print(f"  {lines:4d} {name}")
    failures = [
        f"file length: {name} has {lines} lines, at most {LONGEST} wanted" for lines, name in lengths if lines > LONGEST
    ]
    return Outcome("file length", 0 if failures else 1, failures, seconds=time.monotonic() - begin)


def _python_files(top: Path) -> list[str]:
    """Those that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=top, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted({name for name in listed.stdout.split("\0") if name and (top / name).is_file()})


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
