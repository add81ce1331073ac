"""Runs the command line against the demo's director."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from pathlib import Path

from lab.demo.record import TREE, Record
from lab.errors import LabError

API_PORT = 25555
INDENT = "      "


def environment(record: Record, address: str) -> dict[str, str]:
    """The variables that lead the CLI (and the public one) to this director at HOST:PORT."""
    return {
        "BOSH_ENVIRONMENT": f"https://{address}",
        "BOSH_CA_CERT": str(ca_file(record)),
        "BOSH_CLIENT": "admin",
        "BOSH_CLIENT_SECRET": (record.directory / "password").read_text().strip(),
    }


def ca_file(record: Record) -> Path:
    """The CA by which the API is checked."""
    return record.directory / "certificates" / "api" / "ca.pem"


def run(record: Record, *arguments: str) -> str:
    """Run ``meristem`` quietly and give what it printed; LabError with its words when it fails."""
    done = subprocess.run(
        _words(arguments), env=_variables(record), cwd=TREE, check=False, text=True, capture_output=True
    )
    if done.returncode != 0:
        raise LabError(f"meristem {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def show(record: Record, *arguments: str, after: str) -> None:
    """Run ``meristem`` and show, as it comes, what it prints for people from the line `after` on; LabError when it fails."""
    command = _words(["--tty", "--no-color", *arguments])
    with subprocess.Popen(
        command, env=_variables(record), cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        held = ""
        shown = Indented()
        words = codecs.getincrementaldecoder("utf-8")("replace")
        while data := os.read(process.stdout.fileno(), 1 << 16):
            text = words.decode(data)
            if not shown.begun:
                held += text
                _, found, rest = f"\n{held}".partition(f"\n{after}\n")
                text = f"{after}\n{rest}" if found else ""
            shown.write(text)
    shown.end()
    if process.returncode != 0:
        rest = "" if shown.begun else ":\n" + "\n".join(held.strip().splitlines()[-4:])
        raise LabError(f"meristem {' '.join(arguments)} ended with status {process.returncode}{rest}")


class Indented:
    """Writes pieces of text below the demo's headings, however they are cut; a line without words stays empty."""

    def __init__(self) -> None:
        self.begun = False
        self._in_line = False

    def write(self, text: str) -> None:
        """Write a piece."""
        for part in text.splitlines(keepends=True):
            if not self._in_line and part != "\n":
                part = INDENT + part
            self._in_line = not part.endswith("\n")
            self.begun = True
            sys.stdout.write(part)
        sys.stdout.flush()

    def end(self) -> None:
        """End the line, if one is open."""
        if self._in_line:
            self.write("\n")


def _words(arguments: tuple[str, ...] | list[str]) -> list[str]:
    return [str(Path(sys.executable).with_name("meristem")), *arguments]


def _variables(record: Record) -> dict[str, str]:
    port = next((port for name, port in record.ports.items() if name.startswith("api ")), API_PORT)
    return {**os.environ, **environment(record, f"127.0.0.1:{port}"), "BOSH_NON_INTERACTIVE": "true"}
