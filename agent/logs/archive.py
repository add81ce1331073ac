"""Pack logs that match globs into one tar.gz."""

from __future__ import annotations

import glob
import os
import tarfile
from pathlib import Path

from agent.errors import ArgumentError
from agent.layout import Layout


def pack(layout: Layout, kinds: str, filters: list[str], target: Path) -> None:
    """``kinds``: comma list of job, agent, system; ``filters``: globs relative to the log folder, all files by default.

    System logs lie below var/log in the archive, the others at its top.
    """
    places = {"job": layout.sys_log, "agent": layout.agent_log, "system": layout.system_log}
    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    unknown = [kind for kind in wanted if kind not in places]
    if unknown or not wanted:
        raise ArgumentError(f"log type {kinds!r:.60}: expected a comma list of job, agent and system")
    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        for kind in wanted:
            folder = places[kind].resolve()
            for path in _matches(folder, filters or ["**/*"]):
                name = path.relative_to(folder)
                _add(archive, path, str(Path("var/log", name) if kind == "system" else name))


def _matches(folder: Path, filters: list[str]) -> list[Path]:
    found: set[Path] = set()
    for pattern in filters:
        for name in glob.glob(os.path.join(glob.escape(str(folder)), pattern.lstrip("/")), recursive=True):
            path = Path(os.path.normpath(name))
            # A pattern such as ../../etc/* must not lead out of the log folder.
            if path.is_file() and path.is_relative_to(folder) and path.resolve().is_relative_to(folder):
                found.add(path)
    return sorted(found)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    try:
        with open(path, "rb") as file:
            info = archive.gettarinfo(arcname=name, fileobj=file)
            # A log may grow meanwhile: exactly the announced size is read.
            archive.addfile(info, file)
    except FileNotFoundError:
        return
