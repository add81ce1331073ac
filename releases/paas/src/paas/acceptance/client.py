"""The platform's own client, run as its users run it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Client:
    """One user's session of the command line, with a home of its own."""

    command: list[str]
    home: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    async def __call__(self, *words: str, refused: str = "", seconds: float = 300) -> str:
        """Run it; what it printed. With `refused` it must fail, with these words among its own."""
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *words,
            env={**os.environ, **self.environment, "HOME": str(self.home)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(seconds):
                told, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            told, _ = await process.communicate()
            raise AssertionError(f"paas {' '.join(words)}: not ended after {seconds:g} s\n{told.decode()}") from None
        text = told.decode()
        shown = " ".join(words[:1] if words[0] in ("auth", "login") else words)
        if refused:
            assert process.returncode != 0 and refused in text, f"paas {shown}: not refused with {refused!r}:\n{text}"
        else:
            assert process.returncode == 0, f"paas {shown}: status {process.returncode}\n{text}"
        return text
