"""Runs a buildpack's script: its output is the staging log, as it comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BASE = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/home/vcap",
    "USER": "vcap",
    "TMPDIR": "/home/vcap/tmp",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
MOST_ANSWER = 1 << 20
"""Bytes of what a script may answer on its standard output, where that is an answer."""


def say(text: str) -> None:
    """A line of the staging log."""
    print(text, flush=True)


def complain(text: str) -> None:
    """A line of the staging log's errors."""
    print(text, file=sys.stderr, flush=True)


def environment(given: dict[str, str], deps: Path) -> dict[str, str]:
    """Of the scripts: the plan's, and what earlier buildpacks supplied in `deps` (``bin``, ``lib``, ``env/NAME``)."""
    found = {**BASE, **given}
    for supplied in sorted(deps.iterdir(), key=lambda path: path.name) if deps.is_dir() else []:
        for folder, name in (("bin", "PATH"), ("lib", "LD_LIBRARY_PATH")):
            if (supplied / folder).is_dir():
                before = found.get(name)
                found[name] = f"{supplied / folder}:{before}" if before else str(supplied / folder)
        for file in (supplied / "env").glob("*") if (supplied / "env").is_dir() else []:
            if file.is_file() and file.name not in given:
                found[file.name] = file.read_text(errors="replace").rstrip("\n")
    return found


def run(script: Path, arguments: list[Path | str], env: dict[str, str]) -> int:
    """Its exit status; what it says goes to the log."""
    return _start(script, arguments, env, None)[0]


def ask(script: Path, arguments: list[Path | str], env: dict[str, str]) -> tuple[int, str]:
    """Its exit status and what it said on standard output."""
    return _start(script, arguments, env, subprocess.PIPE)


def _start(script: Path, arguments: list[Path | str], env: dict[str, str], output: int | None) -> tuple[int, str]:
    try:
        with subprocess.Popen(
            [str(script), *map(str, arguments)], env=env, cwd=os.environ.get("HOME", "/"),
            stdin=subprocess.DEVNULL, stdout=output,
        ) as process:  # fmt: skip
            said = process.stdout.read(MOST_ANSWER) if process.stdout else b""
            if process.stdout:
                process.stdout.close()
            return process.wait(), said.decode(errors="replace")
    except OSError as error:
        complain(f"{script.parent.name}/{script.name} cannot be started: {error.strerror}")
        return 126, ""
