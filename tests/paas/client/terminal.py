"""The client as its users run it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from paas.client.main import main

from tests.paas.services.component import SOURCES


class Terminal:
    """One user's, with a home of its own; `org` and `space` are where it works."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.org = self.space = ""
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PAAS_")},
            "PAAS_HOME": str(home),
            "PYTHONPATH": str(SOURCES),
            "TZ": "UTC",
        }

    async def __call__(self, *words: str, refused: str = "", here: Path | None = None, **more: str) -> str:
        """What it said on both channels. With `refused` it must end with status 1 and these words.

        It runs in this process: a new one for each of so many calls would be most of their time.
        """
        status, text = await asyncio.to_thread(self._run, words, here or self.home.parent, more)
        wanted = 1 if refused else 0
        assert status == wanted, f"paas {' '.join(words)}: status {status}\n{text}"
        assert refused in text, text
        return text

    def _run(self, words: tuple[str, ...], here: Path, more: dict[str, str]) -> tuple[int, str]:
        before, environment, told = Path.cwd(), dict(os.environ), io.StringIO()
        try:
            os.chdir(here)
            os.environ.clear()
            os.environ.update({**self.environment, **more})
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                status = main(list(words))
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)
        return status, told.getvalue()

    async def begin(self, *words: str, here: Path | None = None, **more: str) -> asyncio.subprocess.Process:
        """Start it as a process of its own."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paas.client", *words),
            env={**self.environment, **more},
            cwd=here or self.home.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def json(self, *words: str) -> Any:
        """What it showed with ``--json``."""
        return json.loads(await self(*words, "--json"))
