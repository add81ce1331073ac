"""Static checks: each tool simply runs with the configuration in pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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


def file_lengths(top: Path) -> Outcome:
    """Print the ten longest Python files that git knows or would add; fail when one passes LONGEST lines."""
    begin = time.monotonic()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=top, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lengths = sorted(
        ((_lines(top / name), name) for name in listed.stdout.split("\0") if name and (top / name).is_file()),
        reverse=True,
    )
    print("ten longest files:")
    for lines, name in lengths[:10]:
        print(f"  {lines:4d} {name}")
    failures = [
        f"file length: {name} has {lines} lines, at most {LONGEST} wanted" for lines, name in lengths if lines > LONGEST
    ]
    return Outcome("file length", 0 if failures else 1, failures, seconds=time.monotonic() - begin)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
