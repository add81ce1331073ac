"""`init-release`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from meristem.cli import skeletons
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import command, flag, option


@command("init-release", option("--dir", "directory", default=".", help="Where."), flag("--git", help="git init too."))
def COMMAND(session: Session, directory: str, git: bool) -> None:
    """Make an empty release directory."""
    skeletons.release(Path(directory))
    if git:
        done = subprocess.run(["git", "init", "-q", directory], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CliError(f"git init failed: {done.stderr.strip()}")
