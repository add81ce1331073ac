"""Whether the stack's Python is the one that an app asks for in runtime.txt or .python-version."""

import re
import sys
from pathlib import Path

from dependencies import AppError


def check_runtime(build: Path) -> None:
    """AppError where another version is asked for. ``python-3.11.x``, ``3.11`` and ``3`` are met by any 3.11."""
    for name in ("runtime.txt", ".python-version"):
        file = build / name
        if not file.is_file():
            continue
        asked = file.read_text(errors="replace").strip().removeprefix("python-")
        match = re.fullmatch(r"(\d+)(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?", asked)
        if match is None:
            raise AppError(f"{name}: {asked[:40]!r} is no version of Python; write python-3.11.x")
        have = sys.version_info
        # patches of one minor version run the same code
        if int(match[1]) != have.major or (match[2] and match[2].isdigit() and int(match[2]) != have.minor):
            raise AppError(
                f"{name} asks for Python {asked}, this stack has {have.major}.{have.minor}.{have.micro}; write python-{have.major}.{have.minor}.x"
            )
