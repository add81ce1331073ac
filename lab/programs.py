"""The machine's own programs (mount, ip, losetup ...), with errors that tell what they said."""

from __future__ import annotations

import os
import subprocess

from lab.errors import LabError


def environment() -> dict[str, str]:
    """This process's, with the folders of administration on its path, which not every user has."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}


def program(*command: str) -> None:
    """Run one to its end; LabError with its words when it fails or is not installed."""
    output(*command)


def output(*command: str) -> str:
    """The same, giving what it printed."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=environment()
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed; run bin/setup --lab") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
