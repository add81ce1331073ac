"""What git says of a release directory: commit and uncommitted changes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitState:
    """Short commit hash (`non-git` outside a repository) and the changed paths of the directory."""

    commit_hash: str
    changes: tuple[str, ...]


def read(directory: Path) -> GitState:
    """State of the work tree below `directory`; a directory outside git, or a missing git, counts as clean."""
    commit = _git(directory, "rev-parse", "--short", "HEAD")
    status = _git(directory, "status", "--short", "--", ".")
    if status is None:
        return GitState("non-git", ())
    return GitState(commit.strip() if commit else "empty", tuple(status.splitlines()))


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
