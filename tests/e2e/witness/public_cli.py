"""The public CLI as a program: each call in its own process, with JSON output."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.loopback.world import PASSWORD, USER, World


@dataclass(frozen=True)
class Spoken:
    """What one call left behind; `tables` are its tables' rows, keyed by column."""

    code: int
    text: str
    tables: list[list[dict[str, str]]]

    @property
    def rows(self) -> list[dict[str, str]]:
        return self.tables[0]


class PublicCli:
    """`bosh` with its own configuration file and the world's address."""

    def __init__(self, world: World, program: str, *, client: str = USER, secret: str = PASSWORD) -> None:
        self._world = world
        self._command = [program, "-n", "--json"]
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(world.directory),
            "BOSH_CONFIG": str(world.directory / f"bosh-config-{client}.yml"),
            "BOSH_ENVIRONMENT": world.url,
            "BOSH_CA_CERT": str(world.ca),
            "BOSH_CLIENT": client,
            "BOSH_CLIENT_SECRET": secret,
        }

    def __call__(self, *words: str, expect: int = 0, seconds: float = 180) -> Spoken:
        """Run a command; fails with everything it said when it ends otherwise than ``expect``."""
        done = subprocess.run(
            [*self._command, *words],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self._environment,
            cwd=self._world.directory,
        )
        said = f"{done.stdout}\n{done.stderr}"
        if done.returncode != expect:
            log = self._world.log.read_text(errors="replace")[-4000:]
            raise AssertionError(
                f"bosh {' '.join(words)} ended with {done.returncode}\n{said}\n{log}\n{self._world.cloud.agent_logs(20)}"
            )
        answer: dict[str, Any] = json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}
        text = "\n".join([*(answer.get("Blocks") or []), *(answer.get("Lines") or [])])
        return Spoken(done.returncode, text or said, [table["Rows"] or [] for table in answer.get("Tables") or []])


def write_yaml(path: Path, document: Any) -> str:
    """Write a document and answer the path as a word for the command line (JSON is YAML)."""
    path.write_text(json.dumps(document))
    return str(path)
