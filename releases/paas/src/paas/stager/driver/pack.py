"""The droplet and the cache, as archives that the agent carries out."""

from __future__ import annotations

import subprocess
from pathlib import Path

from paas.stager.driver import layout
from paas.stager.driver.failure import StagingError

PARTS = ("app", "deps", ".profile.d", "staging_info.yml")


def pack() -> bool:
    """Write both, and say whether there is a cache; StagingError when there is no room."""
    _tar(layout.DROPLET, layout.HOME, [f"./{part}" for part in PARTS])
    kept = any(path.is_file() for path in layout.CACHE.rglob("*"))
    if kept:
        _tar(layout.CACHE_ARCHIVE, layout.CACHE, ["."])
    return kept


def _tar(archive: Path, directory: Path, names: list[str]) -> None:
    command = ["tar", "-czf", str(archive), "--numeric-owner", "--format=gnu", "-C", str(directory), *names]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise StagingError("StagerError", f"{archive.name} cannot be written: {words[0] if words else done.returncode}")
