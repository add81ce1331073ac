"""`generate-job`."""

from __future__ import annotations

from pathlib import Path

from meristem.cli import skeletons
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, option


@command("generate-job", argument("name"), option("--dir", "directory", default=".", help="Release directory."))
def COMMAND(session: Session, name: str, directory: str) -> None:
    """Add a job skeleton."""
    skeletons.job(Path(directory), name)
