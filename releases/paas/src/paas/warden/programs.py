"""Runs the machine's programs: found by configuration or on the PATH, their failures told in their own words."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import IO

MESSAGE_BYTES = 2000


class ProgramError(Exception):
    """A program is missing, or ended badly; says which and what it said."""


class Programs:
    """The programs of this machine; `paths` name -> path, `environment` is added to this process's."""

    def __init__(self, paths: dict[str, str], environment: dict[str, str]) -> None:
        self._paths = paths
        self.environment = {**os.environ, **environment}

    def path(self, name: str) -> str:
        """The path of a program; ProgramError where there is none."""
        found = self._paths.get(name) or shutil.which(name)
        if not found:
            raise ProgramError(
                f"the program {name} is not on this machine; name its path in `programs` of the configuration"
            )
        return found

    def find(self, *names: str) -> str:
        """The path of the first of `names` that is there."""
        for name in names:
            if found := self._paths.get(name) or shutil.which(name):
                return found
        return self.path(names[0])

    async def run(
        self,
        name: str,
        *arguments: str,
        text: str = "",
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
    ) -> str:
        """Run a program with `text` (or the file `stdin`) as input; what it printed. ProgramError on any status but 0."""
        process = await asyncio.create_subprocess_exec(
            self.path(name),
            *arguments,
            stdin=stdin or (asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL),
            stdout=stdout or asyncio.subprocess.PIPE,
            stderr=stderr or asyncio.subprocess.PIPE,
            env=self.environment,
        )
        try:
            out, err = await process.communicate(text.encode() if text else None)
        except asyncio.CancelledError:
            if process.returncode is None:
                process.kill()
            raise
        if process.returncode:
            said = (err or out or b"").decode(errors="replace").strip()[-MESSAGE_BYTES:]
            raise ProgramError(f"{name} {' '.join(arguments[:2])}: status {process.returncode}: {said or 'no word'}")
        return (out or b"").decode(errors="replace")
