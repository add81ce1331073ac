"""Versioned folders below data/, and the links that put one version in force."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


def key_of(version: str, digest: str) -> str:
    """The folder name of one version of a job or package."""
    return hashlib.sha1(f"{version}-{digest}".encode(), usedforsecurity=False).hexdigest()


def link(place: Path, target: Path) -> None:
    """Make ``place`` a symbolic link to ``target``, in one step."""
    if place.is_symlink() and os.readlink(place) == str(target):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    temporary = place.with_name(f".{place.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(place)


def unlink_others(folder: Path, wanted: set[str]) -> None:
    """Remove the links in ``folder`` that are not wanted."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_symlink() and entry.name not in wanted:
            entry.unlink()


def remove_others(folder: Path, wanted: set[Path]) -> None:
    """Remove versions ``folder``/NAME/KEY that are not wanted, and names that are left empty."""
    for name in folder.iterdir() if folder.is_dir() else ():
        for version in name.iterdir() if name.is_dir() else ():
            if version not in wanted:
                shutil.rmtree(version, ignore_errors=True)
        if name.is_dir() and not any(name.iterdir()):
            name.rmdir()
