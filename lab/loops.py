"""Loop devices. They are the whole machine's, so each is told by the file behind it: path and inode."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.programs import output

DELETED = " (deleted)"


@dataclass(frozen=True)
class LoopDevice:
    """One in use. `file` is a path as the process that attached it saw it; another root tree may have one of that name."""

    name: str
    file: str
    inode: int
    """0 where this process may not ask for it."""


def attached() -> list[LoopDevice]:
    """All loop devices of the machine that are in use."""
    text = output("losetup", "--list", "--json", "--output", "NAME,BACK-FILE,BACK-INO")
    rows: list[dict[str, object]] = json.loads(text)["loopdevices"] if text.strip() else []
    return [
        LoopDevice(str(row["name"]), str(row["back-file"]), int(str(row["back-ino"] or 0)))
        for row in rows
        if row["back-file"]
    ]


def below(top: Path, root: Path = Path("/")) -> list[LoopDevice]:
    """Those whose files lie under `top`, as seen by a process whose root is `root`.

    A deleted file is known by its path alone, so it counts only where the root is this process's own.
    """
    found: list[LoopDevice] = []
    for loop in attached():
        path = Path(loop.file.removesuffix(DELETED))
        if not path.is_relative_to(top):
            continue
        try:
            real = (root / path.relative_to("/")).stat()
        except OSError:
            if loop.file.endswith(DELETED) and root == Path("/"):
                found.append(loop)
            continue
        if real.st_ino == loop.inode:
            found.append(loop)
    return found


def free(top: Path, root: Path = Path("/")) -> list[str]:
    """Free the loop devices `below` finds; returns their names."""
    loops = below(top, root)
    for loop in loops:
        subprocess.run(["losetup", "-d", loop.name], capture_output=True, check=False)
    return [loop.name for loop in loops]
